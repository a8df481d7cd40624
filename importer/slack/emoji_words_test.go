package slack

import "testing"

// TestEmojiCodesInsideWords: text inside a word that looks like the code of an emoji is an emoji only
// if Slack's rich text says so.
func TestEmojiCodesInsideWords(t *testing.T) {
	emoji := func(name string) string { return `{"type":"emoji","name":"` + name + `"}` }
	text := func(s string) string { return `{"type":"text","text":"` + s + `"}` }
	for raw, want := range map[string]string{
		`{"text":"1:100:5 and key:x:value, 12:00:30, a:b:c, std:100:"}`:                     "1:100:5 and key:x:value, 12:00:30, a:b:c, std:100:",
		`{"text":"(:x:) :x::100: done:tada:"}`:                                              "(❌) ❌💯 done:tada:",
		`{"text":"done:tada:","blocks":[` + richText(text("done")+","+emoji("tada")) + `]}`: "done🎉",
		// One is an emoji, the other is not, and the text does not say which.
		`{"text":"key:x:value :x:","blocks":[` + richText(text("key:x:value ")+","+emoji("x")) + `]}`:                                  "key:x:value ❌",
		`{"text":"map:x:y","blocks":[` + richText(text("map:x:y")) + `]}`:                                                              "map:x:y",
		`{"text":"ok:+1::skin-tone-3:","blocks":[` + richText(text("ok")+`,{"type":"emoji","name":"+1","skin_tone":3}`) + `]}`:         "ok👍🏼",
		`{"text":"<https://a.example/:x:/b|see:x:this> ` + "`a:x:b` :x:" + `"}`:                                                        "[see:x:this](https://a.example/:x:/b) `a:x:b` ❌",
		`{"text":"","blocks":[{"type":"section","text":{"type":"mrkdwn","text":"1:100:5"}},{"type":"markdown","text":"key:x:value"}]}`: "1:100:5\n\nkey:x:value",
		`{"text":"","attachments":[{"title":"1:100:5","text":"key:x:value","footer":"x :tada:"}]}`:                                     "1:100:5\n\nkey:x:value\n\nx :tada:",
	} {
		if m := one(t, raw); m.words != want {
			t.Errorf("%s\n got %q\nwant %q", raw, m.words, want)
		}
	}
}
