// Package webui is Flyleaf's local web UI: pages of one device's own copy,
// served to the person in front of it.
//
// It guarantees that every page reads and every form works without scripts;
// that nothing is said to be saved, or on the relay, before the Node said so;
// that words typed into a form come back with the page when they could not be
// saved; and that a request is only served to a known Host, from the person who
// was given the start link, and, when it changes something, from a form of ours.
//
// It never runs or fetches anything found in a post, never talks to the network,
// keeps nothing of its own on disk, and logs nothing. It builds for WebAssembly.
package webui

import (
	"embed"
	"net/http"
	"time"

	"flyleaf/cover"
	"flyleaf/node"
)

//go:embed static templates
var files embed.FS

// Config is what New needs. Node must be set.
type Config struct {
	Node node.Node
	// Token is the device's secret, from which the cookie and the forms' own token are
	// derived. "" turns both checks off.
	Token string
	// Starts let browsers in that have no cookie yet (see StartURL); nil lets none in.
	Starts *StartTokens
	// Hosts are the values of the Host header that are served, with their ports.
	// None means localhost, 127.0.0.1 and [::1] with any port.
	Hosts []string
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Zone is where the reader is; nil is time.Local.
	Zone *time.Location
	// Base is the path below which the pages stand, such as "/flyleaf"; "" is the root.
	Base string
	// Browser says that the program runs in the reader's browser, which hands it the
	// requests of its own pages only: no cookie is asked for, and pages hear of changes
	// from the program's worker.
	Browser bool
	// Site is the address of the pages in a browser, such as "https://books.example/app": with
	// Browser, links to weeks lead there.
	Site string
	// Relay is offered as the relay of a new week; "" offers none.
	Relay string
}

// ThreadsOnPage is how many threads one page of a week shows.
const ThreadsOnPage = 100

// maxUpload bounds the body of a form with a picture in it.
const maxUpload = cover.MaxInput + maxForm

// maxForm bounds the body of a form: a text, escaped, and the small fields.
const maxForm = 512 << 10

type server struct {
	node    node.Node
	guard   guard
	now     func() time.Time
	zone    *time.Location
	render  *templates
	browser bool // see Config.Browser
	site    string
	relay   string

	announced announcer
}

// New returns the handler of the whole UI. Every answer it gives carries a
// Content-Security-Policy without inline scripts or styles.
func New(c Config) http.Handler {
	s := &server{node: c.Node, guard: newGuard(c.Token, c.Starts, c.Hosts), browser: c.Browser, site: c.Site, relay: c.Relay, now: c.Now, zone: c.Zone, render: newTemplates()}
	if s.now == nil {
		s.now = time.Now
	}
	if s.zone == nil {
		s.zone = time.Local
	}
	s.guard.browser = c.Browser
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+staticPath+"{version}/{name}", static)
	mux.HandleFunc("GET "+staticPath, http.NotFound) // no cookie was asked for, so no page of ours

	mux.HandleFunc("GET /{$}", s.library)
	mux.HandleFunc("POST /new", s.createWeek)
	mux.HandleFunc("POST /join", s.join)

	mux.HandleFunc("GET /e/{event}", s.week)
	mux.HandleFunc("POST /e/{event}/ask", s.ask)
	mux.HandleFunc("POST /e/{event}/draft", s.keepDraft)
	mux.HandleFunc("GET /e/{event}/go/{post}", s.goTo)
	mux.HandleFunc("GET /e/{event}/fragment", s.fragment)
	mux.HandleFunc("GET /e/{event}/stream", s.stream)
	mux.HandleFunc("GET /stream", s.stream)
	mux.HandleFunc("GET /truth", s.syncSummaryFragment)

	mux.HandleFunc("GET /e/{event}/p/{post}", s.post)
	mux.HandleFunc("POST /e/{event}/p/{post}/reply", s.reply)
	mux.HandleFunc("GET /e/{event}/p/{post}/edit", s.editor)
	mux.HandleFunc("POST /e/{event}/p/{post}/edit", s.edit)
	mux.HandleFunc("GET /e/{event}/p/{post}/withdraw", s.withdrawal)
	mux.HandleFunc("POST /e/{event}/p/{post}/withdraw", s.withdraw)
	mux.HandleFunc("POST /e/{event}/p/{post}/react", s.react)

	mux.HandleFunc("GET /e/{event}/p/{post}/proof", s.proof)
	mux.HandleFunc("GET /e/{event}/p/{post}/moderate", s.moderation)
	mux.HandleFunc("POST /e/{event}/p/{post}/mark", s.mark)
	mux.HandleFunc("POST /e/{event}/p/{post}/block", s.block)

	mux.HandleFunc("GET /search", s.search)
	mux.HandleFunc("GET /club/{event}", s.clubWeeks)
	mux.HandleFunc("GET /e/{event}/calendar.ics", s.ics)
	mux.HandleFunc("GET /e/{event}/blob/{key}", s.blob)
	mux.HandleFunc("GET /e/{event}/setup", s.setup)
	mux.HandleFunc("POST /e/{event}/setup", s.saveSetup)

	mux.HandleFunc("GET /e/{event}/inbox", s.inbox)
	mux.HandleFunc("POST /e/{event}/p/{post}/answer", s.answer)
	mux.HandleFunc("POST /e/{event}/p/{post}/take", s.assign)
	mux.HandleFunc("GET /e/{event}/winners", s.winners)
	mux.HandleFunc("GET /e/{event}/desk", movedToWinners)
	mux.HandleFunc("POST /e/{event}/winners/choose", s.chooseWinners)
	mux.HandleFunc("POST /e/{event}/winners/draw", s.drawStep)
	mux.HandleFunc("POST /e/{event}/claim", s.claim)

	mux.HandleFunc("GET /e/{event}/log", s.showLog)
	mux.HandleFunc("GET /e/{event}/people", s.people)
	mux.HandleFunc("POST /e/{event}/role", s.setRole)
	mux.HandleFunc("POST /e/{event}/unblock", s.unblock)
	mux.HandleFunc("POST /e/{event}/switch", s.setSwitch)
	mux.HandleFunc("POST /e/{event}/invite", s.invite)
	mux.HandleFunc("POST /e/{event}/invite/{key}/revoke", s.revokeInvite)
	mux.HandleFunc("GET /e/{event}/invite/{name}", s.inviteCode)
	mux.HandleFunc("POST /e/{event}/refused/{hash}", s.discardRefused)

	mux.HandleFunc("GET /sync", s.syncPage)
	mux.HandleFunc("POST /sync/try", s.tryNow)
	mux.HandleFunc("GET "+filesPath, s.files)
	mux.HandleFunc("POST "+filesPath, s.importFile)
	mux.HandleFunc("GET "+filesPath+"/bundle", s.bundle)
	mux.HandleFunc("GET "+filesPath+"/published", s.published)
	mux.HandleFunc("GET /you", s.you)
	mux.HandleFunc("POST /you", s.setPerson)
	mux.HandleFunc("POST /you/phrase", s.phrase)
	mux.HandleFunc("POST /you/theme", s.setTheme)
	mux.HandleFunc("GET /", s.pageNotFound)
	return below(c.Base, s.guard.wrap(mux, s))
}
