package feed

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"

	"flyleaf/publish"
	"flyleaf/publish/syndication"
	"flyleaf/qa"
)

// The Atom and JSON feeds of an event's published posts, for feed readers. Feed readers send no
// Authorization header, so the address contains a key. The key gives access to the feeds of one event
// and to nothing else, and the token cannot be derived from it.

// SubscriptionKey returns the key of an event's Atom and JSON feeds.
func SubscriptionKey(token string, event qa.EventID) string {
	return derivedKey(token, "flyleaf feed v1 "+string(event))
}

// SubscriptionPath returns the path of an event's Atom feed, or JSON feed, with its key.
func SubscriptionPath(token string, event qa.EventID, json bool) string {
	name := "feed.atom"
	if json {
		name = "feed.json"
	}
	return APIPrefix + "events/" + url.PathEscape(string(event)) + "/" + name + "?" + url.Values{"key": {SubscriptionKey(token, event)}}.Encode()
}

// subscription serves an event's published posts as a feed of a media type.
func (a *API) subscription(mediaType string, write func(io.Writer, syndication.Feed) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id, ok := event(w, r)
		if !ok {
			return
		}
		if !hmac.Equal([]byte(r.URL.Query().Get("key")), []byte(SubscriptionKey(a.config.Token, id))) {
			fail(w, http.StatusUnauthorized, "the address lacks the key of this event's feeds; `flyleaf event feed` prints the whole address")
			return
		}
		if !a.allowed(w, r, id) {
			return
		}
		week, err := a.config.Node.Week(r.Context(), id)
		if err != nil {
			fail(w, http.StatusInternalServerError, err.Error())
			return
		}
		here := "http://" + r.Host
		f := syndication.OfWeek(publish.Publish(week), "urn:flyleaf:"+string(id), here+"/e/"+url.PathEscape(string(id)))
		f.Self = here + r.URL.Path // without the key: feed readers pass this address on
		var out bytes.Buffer
		if err := write(&out, f); err != nil {
			fail(w, http.StatusInternalServerError, err.Error())
			return
		}
		sum := sha256.Sum256(out.Bytes())
		tag := `"` + hex.EncodeToString(sum[:12]) + `"`
		w.Header().Set("ETag", tag)
		w.Header().Set("Cache-Control", "private, no-cache")
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("Content-Type", mediaType)
		_, _ = w.Write(out.Bytes())
	}
}
