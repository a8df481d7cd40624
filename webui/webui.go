// Package webui is Flyleaf's local web UI: pages of one device's own copy,
// served to the person in front of it.
//
// It guarantees four things. Every page can be read and every form works without
// scripts. A page says that something is saved, or on the relay, only after the Node
// has said so. Words that could not be saved come back in the form. A request is
// served only if its Host is known and it comes from the person who got the start link;
// a request that changes something must also come from one of Flyleaf's own forms.
//
// The package never runs or fetches anything found in a post, never uses the network,
// stores nothing on disk and logs nothing. It builds for WebAssembly.
package webui

import (
	"context"
	"embed"
	"net/http"
	"sync"
	"time"

	"flyleaf/cover"
	"flyleaf/node"
	"flyleaf/qa"
)

//go:embed static styles templates
var files embed.FS

// Config is what New needs. Node must be set.
type Config struct {
	Node node.Node
	// Token is the device's secret. The cookie and the token of the forms are derived
	// from it. "" turns both checks off.
	Token string
	// Starts admits browsers that have no cookie yet (see StartURL); nil admits none.
	Starts *StartTokens
	// Hosts lists the accepted values of the Host header, with their ports.
	// Empty means localhost, 127.0.0.1 and [::1] with any port.
	Hosts []string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Zone is the reader's time zone; nil means time.Local.
	Zone *time.Location
	// Base is the path under which the pages are served, such as "/flyleaf"; "" is the root.
	Base string
	// Browser means that the program runs in the reader's browser, which passes it only
	// requests from its own pages. So no cookie is required, and the program's worker
	// tells the pages about changes.
	Browser bool
	// Site is the address of the pages in a browser, such as "https://books.example/app": with
	// Browser, links to weeks lead there.
	Site string
	// Converter reads the files that are imported, makes those that are published, and shrinks pictures.
	Converter node.Converter
	// Relay is offered as the relay of a new week; "" offers none.
	Relay string
	// UseIdentity, with Browser, makes the key in a text (a recovery phrase, a link, a key file
	// with its passphrase) the browser's. It returns node.ErrOtherIdentity if the browser has
	// written under another one, unless replace is set. The program is started again after it.
	UseIdentity func(ctx context.Context, text []byte, passphrase string, replace bool) error
	// Storage, with Browser, says what the browser says about its storage.
	Storage func(ctx context.Context) (Storage, error)
	// Feed returns the path of an event's feed for feed readers on this machine; nil: there is none.
	Feed func(event qa.EventID) string
}

// ThreadsOnPage is how many threads one page of a week shows. Half of all weeks have fewer than 20, and a page of this
// many questions has some 150 KB.
const ThreadsOnPage = 40

// maxUpload is the maximum size of a form with a file, in bytes.
const maxUpload = cover.MaxInput + maxForm

// maxForm is the maximum size of a form without its picture, in bytes: an escaped text
// and small fields.
const maxForm = 512 << 10

// converterHeader says that the page may need the converter, so that cmd/web/static/sw.js fetches it ahead.
const converterHeader = "Flyleaf-Converter"

type server struct {
	node    node.Node
	guard   guard
	now     func() time.Time
	zone    *time.Location
	render  *templates
	browser bool // see Config.Browser
	site    string
	relay   string

	useIdentity func(ctx context.Context, text []byte, passphrase string, replace bool) error // nil: not offered
	storage     func(ctx context.Context) (Storage, error)                                    // nil: not offered
	converter   node.Converter
	feed        func(event qa.EventID) string // nil: not offered

	// posting is held while a question, reply or answer is posted; see postOnce.
	posting sync.Mutex
	// drafting is held while a draft is compared with the stored one and replaces it.
	drafting sync.Mutex
	undos    undoList

	// importing is held while pending is read or replaced.
	importing sync.Mutex
	pending   pendingImport

	announced announcer
	formulas  formulas
	similar   node.Similar
}

// New returns the handler of the whole UI. Every response has a Content-Security-Policy
// that allows no inline scripts or styles.
func New(c Config) http.Handler {
	s := &server{node: c.Node, guard: newGuard(c.Token, c.Starts, c.Hosts), browser: c.Browser, site: c.Site, relay: c.Relay, useIdentity: c.UseIdentity, storage: c.Storage, feed: c.Feed, now: c.Now, zone: c.Zone, render: newTemplates(), converter: c.Converter}
	if s.now == nil {
		s.now = time.Now
	}
	if s.zone == nil {
		s.zone = time.Local
	}
	s.guard.browser = c.Browser
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+staticPath+"{version}/{name}", static)
	mux.HandleFunc("GET "+staticPath, http.NotFound) // static files need no cookie, so this must not render a page

	mux.HandleFunc("GET /{$}", s.library)
	mux.HandleFunc("POST /new", s.createWeek)
	mux.HandleFunc("POST /club/new", s.createClub)
	mux.HandleFunc("POST /join", s.join)

	mux.HandleFunc("GET /e/{event}", s.week)
	mux.HandleFunc("POST /e/{event}/ask", s.ask)
	mux.HandleFunc("POST /e/{event}/draft", s.keepDraft)
	mux.HandleFunc("POST /e/{event}/suggest", s.suggest)
	mux.HandleFunc("GET /e/{event}/mentions", s.suggestPeople)
	mux.HandleFunc("GET /e/{event}/go/{post}", s.goTo)
	mux.HandleFunc("GET /e/{event}/unread", s.nextUnread)
	mux.HandleFunc("POST /e/{event}/read", s.markRead)
	mux.HandleFunc("GET /news", s.countNews)
	mux.HandleFunc("GET /e/{event}/stage", s.stage)
	mux.HandleFunc("GET /e/{event}/fragment", s.fragment)
	mux.HandleFunc("GET /e/{event}/stream", s.stream)
	mux.HandleFunc("GET /stream", s.stream)
	mux.HandleFunc("GET /sync/summary", s.topNow)

	mux.HandleFunc("GET /e/{event}/p/{post}", s.post)
	mux.HandleFunc("POST /e/{event}/p/{post}/reply", s.reply)
	mux.HandleFunc("GET /e/{event}/p/{post}/picture/{version}", s.picture)
	mux.HandleFunc("GET /e/{event}/p/{post}/edit", s.editor)
	mux.HandleFunc("POST /e/{event}/p/{post}/edit", s.edit)
	mux.HandleFunc("GET /e/{event}/p/{post}/withdraw", s.withdrawal)
	mux.HandleFunc("POST /e/{event}/p/{post}/withdraw", s.withdraw)
	mux.HandleFunc("GET /e/{event}/p/{post}/appeal", s.appeal)
	mux.HandleFunc("POST /e/{event}/p/{post}/appeal", s.saveAppeal)
	mux.HandleFunc("POST /e/{event}/p/{post}/react", s.react)

	mux.HandleFunc("GET /e/{event}/p/{post}/proof", s.proof)
	mux.HandleFunc("GET /e/{event}/p/{post}/moderate", s.moderation)
	mux.HandleFunc("POST /e/{event}/p/{post}/mark", s.mark)
	mux.HandleFunc("POST /e/{event}/p/{post}/block", s.block)

	mux.HandleFunc("GET /search", s.search)
	mux.HandleFunc("GET "+gotoPath, s.showGoto)
	mux.HandleFunc("GET /club/{event}", s.clubWeeks)
	mux.HandleFunc("GET /e/{event}/calendar.ics", s.ics)
	mux.HandleFunc("GET /e/{event}/blob/{key}", s.blob)
	mux.HandleFunc("GET /e/{event}/setup", s.setup)
	mux.HandleFunc("POST /e/{event}/setup", s.saveSetup)

	mux.HandleFunc("GET /e/{event}/inbox", s.inbox)
	mux.HandleFunc("GET /e/{event}/inbox/changes", s.inboxChanges)
	mux.HandleFunc("POST /e/{event}/p/{post}/answer", s.answer)
	mux.HandleFunc("POST /e/{event}/p/{post}/take", s.assign)
	mux.HandleFunc("GET /e/{event}/winners", s.winners)
	mux.HandleFunc("GET /e/{event}/desk", movedToWinners)
	mux.HandleFunc("POST /e/{event}/winners/choose", s.chooseWinners)
	mux.HandleFunc("POST /e/{event}/winners/draw", s.drawStep)
	mux.HandleFunc("POST /e/{event}/winners/announce", s.announce)
	mux.HandleFunc("POST /e/{event}/claim", s.claim)
	mux.HandleFunc("POST /e/{event}/invitation/seen", s.dismissClaim)

	mux.HandleFunc("GET /e/{event}/queue", s.queue)
	mux.HandleFunc("POST /e/{event}/queue", s.decide)
	mux.HandleFunc("GET /e/{event}/log", s.showLog)
	mux.HandleFunc("GET /e/{event}/verify", s.verifyWeek)
	mux.HandleFunc("GET /e/{event}/people", s.people)
	mux.HandleFunc("POST /e/{event}/role", s.setRole)
	mux.HandleFunc("POST /e/{event}/unblock", s.unblock)
	mux.HandleFunc("GET /e/{event}/switch", s.confirmSwitch)
	mux.HandleFunc("POST /e/{event}/switch", s.setSwitch)
	mux.HandleFunc("POST /e/{event}/invite", s.invite)
	mux.HandleFunc("POST /e/{event}/invite/{key}/revoke", s.revokeInvite)
	mux.HandleFunc("GET /e/{event}/invite/{name}", s.inviteCode)
	mux.HandleFunc("POST /e/{event}/refused/{hash}", s.discardRefused)

	mux.HandleFunc("POST /undo", s.undo)
	mux.HandleFunc("GET /sync", s.syncPage)
	mux.HandleFunc("POST /sync/try", s.tryNow)
	mux.HandleFunc("GET /files", s.files)
	mux.HandleFunc("POST /files", s.importFile)
	mux.HandleFunc("GET /files/export", s.export)
	mux.HandleFunc("GET /files/outline", s.outline)
	mux.HandleFunc("GET /files/published", s.published)
	mux.HandleFunc("GET /digest", s.digest)
	mux.HandleFunc("POST /digest", s.rememberDigest)
	mux.HandleFunc("GET /you", s.you)
	mux.HandleFunc("POST /you", s.setPerson)
	mux.HandleFunc("POST /you/phrase", s.phrase)
	mux.HandleFunc("POST /you/theme", s.setTheme)
	if s.useIdentity != nil {
		mux.HandleFunc("GET /you/identity", s.identity)
		mux.HandleFunc("POST /you/identity", s.takeIdentity)
	}
	if s.storage != nil {
		mux.HandleFunc("GET /storage", s.storagePage)
		mux.HandleFunc("POST /storage/phrase", s.leavePhrase)
	}
	mux.HandleFunc("GET /", s.pageNotFound)
	return below(c.Base, s.guard.wrap(mux, s))
}
