package qa

import (
	"fmt"
	"net/url"
	"strings"

	"flyleaf/schema"
)

// IsExternalLink reports whether s is an address that a link of a page may have: http or https with
// a host, or mailto. "http:/you" would lead to one of Flyleaf's own pages.
func IsExternalLink(s string) bool {
	u, err := url.Parse(s)
	if err != nil {
		return false
	}
	switch strings.ToLower(u.Scheme) {
	case "http", "https":
		return u.Host != ""
	case "mailto":
		return u.Opaque != ""
	}
	return false
}

// ParseLinks reads links as people type them: an address, a space, and a text.
// Empty lines are ignored. The result is never nil.
func ParseLinks(typed []string) ([]Link, error) {
	links := []Link{}
	for _, line := range typed {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		address, words, _ := strings.Cut(line, " ")
		if !IsExternalLink(address) {
			return nil, fmt.Errorf("write a link as: address, space, text; %.60q does not start with a web address", line)
		}
		links = append(links, Link{URL: address, Text: strings.TrimSpace(words)})
	}
	if len(links) > schema.MaxLinks {
		return nil, fmt.Errorf("an event has at most %d links", schema.MaxLinks)
	}
	return links, nil
}
