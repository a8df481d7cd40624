package feed

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/url"

	"flyleaf/publish"
	"flyleaf/publish/syndication"
	"flyleaf/qa"
)

// Feeds of an event, for feed readers. They send no Authorization header, so a key
// stands in the address; it is good for the feeds of one event and for nothing else,
// and tells nothing of the token that it comes from.

// SubscriptionKey is the key of an event's feeds.
func SubscriptionKey(token string, event qa.EventID) string {
	m := hmac.New(sha256.New, []byte(token))
	m.Write([]byte("flyleaf event feed v1 " + string(event)))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// SubscriptionPath is the path of an event's feed, with its key: Atom, or JSON Feed.
func SubscriptionPath(token string, event qa.EventID, json bool) string {
	name := "feed.atom"
	if json {
		name = "feed.json"
	}
	return APIPrefix + "events/" + url.PathEscape(string(event)) + "/" + name + "?" + url.Values{"key": {SubscriptionKey(token, event)}}.Encode()
}

// feed serves what is published of an event.
func (c *APIConfig) feed(kind string, write func(io.Writer, syndication.Feed) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		event, err := qa.ParseEventID(r.PathValue("event"))
		if err != nil {
			fail(w, http.StatusBadRequest, err.Error())
			return
		}
		if c.Token == "" || !hmac.Equal([]byte(r.URL.Query().Get("key")), []byte(SubscriptionKey(c.Token, event))) {
			fail(w, http.StatusUnauthorized, "this needs the key of this event's feeds; `flyleaf event feed` prints the whole address")
			return
		}
		if err := c.Log.Allowed(r, event); err != nil {
			fail(w, statusOf(err), err.Error())
			return
		}
		week, err := c.Node.Week(r.Context(), event)
		if err != nil {
			fail(w, http.StatusInternalServerError, err.Error())
			return
		}
		here := "http://" + r.Host
		f := syndication.OfWeek(publish.Publish(week), "urn:flyleaf:"+string(event), here+"/e/"+url.PathEscape(string(event)))
		f.Self = here + r.URL.Path // without the key, which is nobody else's business
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
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write(out.Bytes())
	}
}

// statusOf says how an event that may not be read is answered.
func statusOf(err error) int {
	switch {
	case errors.Is(err, ErrNoEvent):
		return http.StatusNotFound
	case errors.Is(err, ErrForbidden):
		return http.StatusForbidden
	}
	return http.StatusInternalServerError
}
