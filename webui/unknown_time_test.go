package webui

import (
	"regexp"
	"testing"

	"flyleaf/qa"
)

// TestUnknownTimesAreNotShown: no page shows the time that an import made up for a post.
func TestUnknownTimesAreNotShown(t *testing.T) {
	s := newSite(t, "")
	s.node.giveReaderRole(s.event, qa.RoleAuthor)
	s.node.giveReaderRole(s.event, qa.RoleModerator)
	start := s.node.shown(s.event).event.StartsAtMillis // Mon 00:00
	imported := func(by qa.Identity, millis int64, kind, text string, parent qa.PostID) qa.PostID {
		return s.node.addPost(s.event, qa.Post{
			By: by, Parent: parent, AtMillis: start + millis, OnBehalfOf: "Ada Quill", Source: "page#" + text[:3], X: map[string]string{qa.XTime: kind},
		}, text)
	}
	id := imported(noor, 1000, qa.TimeUnknown, "Who keeps the keys of the archive?", "")
	reply := imported(noor, 2000, qa.TimeUnknown, "The verger does, on weekdays.", id)
	known := imported(noor, 11_000, qa.TimeKnown, "Was the archive open at midnight?", "")

	week := s.get(s.week())
	mustContain(t, article(t, week, string(id)), ">Time not known</a>", `aria-label="Ada Quill’s question, time not known"`)
	mustContain(t, article(t, week, string(reply)), ">Time not known</a>")
	mustContain(t, article(t, week, string(known)), ">Mon 00:00</time></a>")
	s.node.editViews(s.event, func(w *shownWeek) { w.posts[len(w.posts)-1].AtMillis += 3_600_000 }) // so that no page may have Mon 00:00
	for _, address := range []string{
		s.week(), s.week() + "/p/" + string(id), s.week() + "/p/" + string(reply), s.week() + "/p/" + string(id) + "/proof",
		s.week() + "/p/" + string(id) + "/moderate", s.week() + "/inbox", "/search?q=keys", "/search?q=verger",
	} {
		page := s.get(address)
		mustContain(t, page, "ime not known")
		mustNotContain(t, page, "Mon 00:00", "T00:00:0")
	}

	s.node.giveReaderRole(s.event, qa.RoleOrganiser) // others' posts with a source are not imports
	mine := imported(reader, 4000, qa.TimeUnknown, "Is the verger paid?", "")
	mustContain(t, article(t, s.get(s.week()), string(mine)), "<li>Saved on this device</li>")
}

// TestUnknownTimeStartsNoDay: a question whose time is not known stands under the heading of
// the question before it, and does not begin a day of its own.
func TestUnknownTimeStartsNoDay(t *testing.T) {
	s := newSite(t, "")
	start := s.node.shown(s.event).event.StartsAtMillis
	before := s.get(s.week())
	s.node.addPost(s.event, qa.Post{
		By: noor, AtMillis: start - 86_400_000, OnBehalfOf: "Ada Quill", Source: "page#1", X: map[string]string{qa.XTime: qa.TimeUnknown},
	}, "Who keeps the keys of the archive?")
	after := s.get(s.week())
	if headings(after) != headings(before) {
		t.Errorf("headings %s, want %s", headings(after), headings(before))
	}
}

var dayHeading = regexp.MustCompile(`<h2 class="day" id="([^"]*)"`)

// headings lists the headings of the days on a page.
func headings(page string) (out string) {
	for _, m := range dayHeading.FindAllStringSubmatch(page, -1) {
		out += m[1] + " "
	}
	return out
}
