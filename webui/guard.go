package webui

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"flyleaf/node"
)

// The pages are served by a program on somebody's laptop, where any web page and
// any other account can send requests to it. The guard checks every request before
// anything else does:
//
//  1. Host must be one of Config.Hosts. An attacker can point a name at 127.0.0.1, but that
//     name is not in Hosts.
//  2. Origin, if the browser sends it, must be the page's own. A request that the
//     browser marks as coming from another site may only open a page in its own window,
//     not load, embed or read it. No connection is upgraded.
//  3. The request must have the cookie that the start link set. The cookie is HttpOnly and
//     SameSite=Strict, so pages of other sites cannot use it. The start link works once.
//  4. A request that changes something must have the token of one of Flyleaf's forms.

// StartURL is the link that opens the UI for the first time, for a person to click on:
// base is the address of the server, such as "http://127.0.0.1:7117", token is one of
// StartTokens.
func StartURL(base, token string) string {
	base = strings.TrimSuffix(base, "/") + "/"
	if token == "" {
		return base
	}
	return base + "?" + url.Values{"token": {token}}.Encode()
}

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; manifest-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// headers are set on every response.
var headers = map[string]string{
	"Content-Security-Policy":      policy,
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Embedder-Policy": "require-corp",
	"Origin-Agent-Cluster":         "?1",
	"Permissions-Policy":           "camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()",
	// With no-referrer, browsers would send "Origin: null" with Flyleaf's own forms.
	"Referrer-Policy": "same-origin",
	// Browsers must not look up the host of a link in a post before it is followed.
	"X-DNS-Prefetch-Control": "off",
	"Cache-Control":          "no-store",
}

// fromOtherSite reports whether the browser says that another site's page made the
// request, other than by a link that somebody followed.
func fromOtherSite(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	if site != "cross-site" && site != "same-site" {
		return false
	}
	followed := r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
	return !followed
}

type guard struct {
	token        string // the device's secret
	cookie, form string // derived from token, which cannot be computed from them
	starts       *StartTokens
	hosts        []string
	browser      bool // see Config.Browser
}

func newGuard(token string, starts *StartTokens, hosts []string) guard {
	g := guard{token: token, starts: starts}
	for _, h := range hosts {
		g.hosts = append(g.hosts, strings.ToLower(h))
	}
	if token != "" {
		g.cookie, g.form = derive(token, "flyleaf cookie v1"), derive(token, "flyleaf form v1")
	}
	return g
}

func derive(token, what string) string {
	m := hmac.New(sha256.New, []byte(token))
	m.Write([]byte(what))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

func equalSecrets(a, b string) bool { return hmac.Equal([]byte(a), []byte(b)) }

func (g *guard) servesHost(host string) bool {
	host = strings.ToLower(host)
	if len(g.hosts) > 0 {
		return slices.Contains(g.hosts, host)
	}
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	switch strings.Trim(name, "[]") {
	case "localhost", "127.0.0.1", "::1":
		return true
	}
	return false
}

// cookieName contains the port, because browsers send a host's cookies to all its ports:
// two programs on one machine would overwrite each other's cookie.
func cookieName(host string) string {
	if _, port, err := net.SplitHostPort(host); err == nil && port != "" {
		return "flyleaf-" + port
	}
	return "flyleaf"
}

func (g *guard) wrap(next http.Handler, s *server) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for key, value := range headers {
			w.Header().Set(key, value)
		}
		if !g.servesHost(r.Host) {
			http.Error(w, "Flyleaf does not answer at this address. Open the address that flyleaf printed when it started.", http.StatusForbidden)
			return
		}
		if g.token != "" && r.Method == http.MethodPost && r.URL.Path == startPath {
			g.start(w, r, s)
			return
		}
		if o := r.Header.Get("Origin"); o != "" && o != "http://"+r.Host && o != "https://"+r.Host {
			s.refuse(w, r, "This request came from another page",
				"A page at another address tried to use your Flyleaf. Nothing was read or changed. If it was you, open Flyleaf’s own address and try again there.")
			return
		}
		if fromOtherSite(r) || r.Header.Get("Upgrade") != "" {
			s.refuse(w, r, "This request came from another page", "Nothing was read or changed. Open Flyleaf’s own address and try again there.")
			return
		}
		changes := r.Method != http.MethodGet && r.Method != http.MethodHead
		if strings.HasPrefix(r.URL.Path, staticPath) {
			next.ServeHTTP(w, r)
			return
		}
		if g.token != "" && !g.browser {
			// A prefetch must not use up the token.
			ahead := r.Method == http.MethodHead || strings.Contains(r.Header.Get("Sec-Purpose"), "prefetch")
			if t := r.URL.Query().Get("token"); t != "" && !changes && !ahead && g.starts.use(t) {
				g.letIn(w, r, s)
				return
			}
			c, err := r.Cookie(cookieName(r.Host))
			if err != nil || !equalSecrets(c.Value, g.cookie) {
				s.locked(w, r)
				return
			}
			if q := r.URL.Query(); q.Has("token") && !changes { // the browser has the cookie and does not need the token
				http.Redirect(w, r, withoutToken(r.URL), http.StatusSeeOther)
				return
			}
		}
		if changes {
			if err := g.parseForm(w, r); err != nil {
				s.problem(w, r, http.StatusRequestEntityTooLarge, "The form is too large",
					"The form could not be read: "+err.Error()+". Nothing was changed. Go back; your text is still there. Shorten it, or choose a smaller file, and try again.")
				return
			}
			if g.token != "" && !equalSecrets(r.PostForm.Get("csrf"), g.form) {
				s.refuse(w, r, "This page is out of date",
					"Flyleaf was restarted after this page was opened. Nothing was changed. Go back, copy your text, reload the page and send it again.")
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// parseForm reads a form of at most maxForm or, with a file in it, maxUpload bytes. It keeps
// maxForm bytes in memory, and the rest of the file on disk until the request is done. A
// browser has no disk, so there it keeps all of the file in memory.
func (g *guard) parseForm(w http.ResponseWriter, r *http.Request) error {
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); kind != "multipart/form-data" {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		return r.ParseForm()
	}
	most, inMemory := int64(maxUpload), int64(maxForm)
	if r.URL.Path == filesPath { // longer than any other file
		most = node.MaxFile + maxForm
	}
	r.Body = http.MaxBytesReader(w, r.Body, most)
	if g.browser {
		inMemory = most
	}
	return r.ParseMultipartForm(inMemory)
}

// maxStartForm bounds the form of the start page, in bytes.
const maxStartForm = 4 << 10

// start handles the form of the start page. The page is a file, so the browser marks the
// request as coming from another site. Only somebody who can read the file has the token.
func (g *guard) start(w http.ResponseWriter, r *http.Request, s *server) {
	r.Body = http.MaxBytesReader(w, r.Body, maxStartForm)
	if err := r.ParseForm(); err != nil || !g.starts.use(r.PostForm.Get("token")) {
		// Another window of this browser may have used the token. The browser does not send the cookie
		// with this request, but with the one for the page to which this response leads.
		s.render.plain(w, http.StatusUnauthorized, "entered", "/")
		return
	}
	g.setCookie(w, r)
	s.render.plain(w, http.StatusOK, "entered", localPath(r.PostForm.Get("path")))
}

// cookieFor is the lifetime of the cookie in seconds: 30 days, so that a bookmark of the
// address without a token keeps working.
const cookieFor = 30 * 24 * 60 * 60

func (g *guard) setCookie(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName(r.Host), Value: g.cookie, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: r.TLS != nil, MaxAge: cookieFor,
	})
}

func withoutToken(u *url.URL) string {
	q := u.Query()
	q.Del("token")
	to := url.URL{Path: u.Path, RawQuery: q.Encode()}
	return localPath(to.String())
}

// letIn sets the cookie for the token of a start link, and redirects to the address
// without the token.
func (g *guard) letIn(w http.ResponseWriter, r *http.Request, s *server) {
	g.setCookie(w, r)
	target := withoutToken(r.URL)
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		http.Redirect(w, r, target, http.StatusSeeOther)
	default:
		// The link was in another site's page. The browser would count a redirect as
		// coming from that site, and would not send a strict cookie with it. So a page of
		// Flyleaf's own redirects.
		s.render.plain(w, http.StatusOK, "entered", target)
	}
}

// localPath returns p if it is a path on this server, otherwise "/".
func localPath(p string) string {
	u, err := url.Parse(p)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(p, "/") ||
		strings.HasPrefix(p, "//") || strings.ContainsAny(p, "\\\r\n\t") {
		return "/"
	}
	return p
}

// locked responds to a browser that has the address but no cookie.
func (s *server) locked(w http.ResponseWriter, r *http.Request) {
	if wantsJSON(r) || r.Method != http.MethodGet || r.Header.Get("Accept") == "text/event-stream" {
		s.refuse(w, r, "Flyleaf does not know this browser any more",
			"Nothing was changed. Leave Flyleaf running, and run its command a second time: it prints a link for this browser. Then try again.")
		return
	}
	s.render.plain(w, http.StatusUnauthorized, "locked", nil)
}

func (s *server) refuse(w http.ResponseWriter, r *http.Request, title, text string) {
	if wantsJSON(r) {
		writeJSON(w, http.StatusForbidden, map[string]string{"error": title + ". " + text})
		return
	}
	s.render.plain(w, http.StatusForbidden, "refused", problem{Title: title, Text: text})
}
