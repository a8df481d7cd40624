package browsertest

import (
	"fmt"
	"slices"
	"strings"
)

// Attack returns the page of another site, which tries everything a page can try against a Flyleaf
// at base, such as "http://127.0.0.1:7117", and the week at the path week. Its array results says
// how each attempt ended; those that read something say READ, OPEN or LOADED.
func Attack(base, week string) string { return fmt.Sprintf(attack, base, week) }

// AttackEnded is true in the page of Attack when every attempt that tells its end has ended.
const AttackEnded = `["simple post", "text post", "post that asks first", "put", "delete", "read", "read blindly", "beacon", "stream", "socket",
	"picture", "code", "script", "style", "module", "frame"].every(n => results.some(r => r.startsWith(n + ":")))`

const attack = `<!doctype html><title>somebody else’s page</title><body>
<iframe name=sink></iframe>
<form id=plain method=post target=sink action="%[1]s%[2]s/ask"><input name=body value="forged by a form"></form>
<form id=multi method=post enctype="multipart/form-data" target=sink action="%[1]s/you"><input name=name value="forged"></form>
<form id=text method=post enctype="text/plain" target=sink action="%[1]s/you/phrase"><input name=x value="y"></form>
<form id=get method=get target=sink action="%[1]s/e"><input name=q value="y"></form>
<script>
const base = "%[1]s", week = base + "%[2]s", results = window.results = [];
const end = (name, how) => results.push(name + ": " + how);
const element = (name, tag, set) => {
  const e = document.createElement(tag);
  e.onload = () => end(name, e.naturalWidth === 0 ? "empty" : tag === "iframe" ? "shown or not" : "LOADED");
  e.onerror = () => end(name, "blocked");
  set(e);
  document.body.append(e);
};
const tries = {
  "simple post": () => fetch(week + "/ask", {method: "POST", mode: "no-cors", credentials: "include", headers: {"Content-Type": "application/x-www-form-urlencoded"}, body: "body=forged"}).then(r => r.type),
  "text post": () => fetch(week + "/ask", {method: "POST", mode: "no-cors", credentials: "include", headers: {"Content-Type": "text/plain"}, body: "body=forged"}).then(r => r.type),
  "post that asks first": () => fetch(week + "/ask", {method: "POST", credentials: "include", headers: {"Content-Type": "application/json", "Accept": "application/json"}, body: "{}"}).then(r => "READ " + r.status),
  "put": () => fetch(week + "/ask", {method: "PUT", credentials: "include"}).then(r => "READ " + r.status),
  "delete": () => fetch(week, {method: "DELETE", credentials: "include"}).then(r => "READ " + r.status),
  "read": () => fetch(base + "/you", {credentials: "include"}).then(r => r.text()).then(t => "READ " + t.length),
  "read blindly": () => fetch(week, {mode: "no-cors", credentials: "include"}).then(r => r.type),
  "beacon": async () => navigator.sendBeacon(week + "/ask", new URLSearchParams({body: "forged"})) ? "sent" : "not sent",
};
for (const [name, run] of Object.entries(tries)) run().then(how => end(name, how), () => end(name, "blocked"));
const stream = new EventSource(week + "/stream", {withCredentials: true});
stream.onopen = () => end("stream", "OPEN");
stream.onerror = () => { end("stream", "blocked"); stream.close() };
const socket = new WebSocket(week.replace("http", "ws") + "/stream");
socket.onopen = () => end("socket", "OPEN");
socket.onerror = () => end("socket", "blocked");
element("picture", "img", e => e.src = base + "/static/any/icon.svg");
element("code", "img", e => e.src = week + "/invite/all.svg");
element("script", "script", e => e.src = base + "/static/any/main.js");
element("style", "link", e => { e.rel = "stylesheet"; e.href = base + "/static/any/pages.css" });
element("module", "script", e => { e.type = "module"; e.src = base + "/static/any/main.js" });
element("frame", "iframe", e => e.src = week);
element("object", "object", e => e.data = base + "/");
element("prefetch", "link", e => { e.rel = "prefetch"; e.href = base + "/you" });
element("preload", "link", e => { e.rel = "preload"; e.as = "fetch"; e.crossOrigin = "use-credentials"; e.href = base + "/sync/summary" });
for (const id of ["plain", "multi", "text", "get"]) document.getElementById(id).submit();
</script>`

// NoteViolations is a script that notes in an array violations what a page's Content-Security-Policy
// stopped. It must run before the page's own scripts.
const NoteViolations = `window.violations = []; addEventListener('securitypolicyviolation', e => violations.push(e.violatedDirective + ' ' + e.blockedURI))`

// Inspection returns an Inspected for a page that shows hostile text.
const Inspection = `({
  ran: !!window.ran,
  elements: [...document.querySelectorAll('main :is(script, img:not(.qr img), iframe, object, embed, style, base, link, meta, video, audio, math, form form), main svg:not(.nib)')].map(e => e.outerHTML.slice(0, 200)),
  bad: [...document.querySelectorAll('main *')].flatMap(e => [...e.attributes].filter(a => /^on|^style$|^ping$|^srcdoc$/i.test(a.name) || /^\s*(javascript|data|vbscript|file):/i.test(a.value) && /^(href|src|action|formaction)$/i.test(a.name)).map(a => a.name + '=' + a.value)),
  schemes: [...new Set([...document.querySelectorAll('main a[href]')].map(a => a.protocol))],
  violations: window.violations,
})`

// Inspected is what was found in a page that shows hostile text.
type Inspected struct {
	Ran        bool     `json:"ran"`        // a script of the text set window.ran
	Elements   []string `json:"elements"`   // elements that no page has
	Bad        []string `json:"bad"`        // attributes that no page has
	Schemes    []string `json:"schemes"`    // of all links
	Violations []string `json:"violations"` // what only the page's policy stopped; see NoteViolations
}

// Faults returns what must not be in the page, in words.
func (i Inspected) Faults() (faults []string) {
	if i.Ran {
		faults = append(faults, "a script ran")
	}
	for kind, found := range map[string][]string{"element": i.Elements, "attribute": i.Bad, "stopped by the policy only": i.Violations} {
		if len(found) > 0 {
			faults = append(faults, kind+": "+strings.Join(found, ", "))
		}
	}
	for _, s := range i.Schemes {
		if !slices.Contains([]string{"http:", "https:", "mailto:"}, s) {
			faults = append(faults, "a link with the scheme "+s)
		}
	}
	return faults
}
