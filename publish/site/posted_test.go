package site

import (
	"bytes"
	"image"
	"image/jpeg"
	"strings"
	"testing"

	posted "flyleaf/picture"
	"flyleaf/publish"
	"flyleaf/qa"
)

// TestPicturesOfPostsArePublished: the site of a week that has pictures has them as files; without the setting, and for a
// hidden post, there are none. No page has the bytes.
func TestPicturesOfPostsArePublished(t *testing.T) {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 40, 20)), nil); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ on, hidden, shown bool }{{true, false, true}, {false, false, false}, {true, true, false}} {
		w := sample()
		e := w.Event
		e.SetPictures(c.on)
		p := said(1, maren, "", monday.UnixMilli(), posted.Add("Which ford?", posted.Picture{Alt: "A map", JPEG: b.Bytes()}))
		if c.hidden {
			p.Marks.Hidden = "a test"
		}
		week := qa.NewWeek(e, []qa.Post{p}, []qa.Person{{ID: maren, Name: "Maren Holt"}})
		_, files := build(t, config, []Week{{Key: "week", Published: publish.Publish(week)}})
		pages, pictures := "", 0
		for path, body := range files {
			switch {
			case strings.HasSuffix(path, ".jpg") && body == b.String():
				pictures++
			case strings.Contains(body, "data:image/jpeg;base64"):
				t.Errorf("%+v: %s has the bytes", c, path)
			case strings.HasSuffix(path, ".html"):
				pages += body
			}
		}
		if shown := strings.Contains(pages, `<p class="picture"><img src="../pictures/`); shown != c.shown || shown != (pictures == 1) {
			t.Errorf("%+v: shown %v, %d files", c, shown, pictures)
		}
		if !c.on && !strings.Contains(pages, "[Picture: A map]") {
			t.Errorf("%+v: the picture is not described", c)
		}
	}
}
