//go:build !js

package webui

import (
	"testing"

	"github.com/chromedp/chromedp"

	"flyleaf/node/convert"
	"flyleaf/picture"
	"flyleaf/qa"
	"flyleaf/schema"
)

// TestBrowserPictures: a picture and the fields for one look right, and pasting a picture into a box chooses it.
func TestBrowserPictures(t *testing.T) {
	b := openBrowserOn(t)
	b.node.doAs(noor, b.event, qa.Act{Kind: qa.ActEvent, Fields: map[string]any{schema.KeyPictures: schema.PicturesOn}})
	c := convert.Direct{}
	small, err := c.ShrinkPicture(t.Context(), pngOf(t, 600, 300), picture.MaxBytes)
	if err != nil {
		t.Fatal(err)
	}
	b.node.doAs(obi, b.event, qa.Act{Kind: qa.ActPost, Text: picture.Add("Which ford?", picture.Picture{Alt: "A map", JPEG: small}), AtMillis: testNow.UnixMilli()})
	b.enter("/")
	b.checkLooks("pictures", func() {
		b.run(chromedp.Navigate(b.url(b.week())), main())
		b.eval(`document.querySelector('.picture-box').open = true`)
		b.eval(`document.querySelector('.picture img').scrollIntoView()`)
	})
	got := value[string](b, `(() => {
		const data = new DataTransfer();
		data.items.add(new File(['x'], 'map.png', { type: 'image/png' }));
		document.querySelector('#q').dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
		return document.querySelector('#i-ask').files[0]?.name + ' ' + document.activeElement.id;
	})()`)
	if got != "map.png i-ask-alt" {
		t.Errorf("after pasting: %q", got)
	}
}
