package weekfile

import (
	"strings"
	"time"
)

// UTC returns the time that is ms milliseconds after 1970 UTC, in UTC.
func UTC(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// DateTime is the time format of Jekyll pages. Times without a zone are UTC.
const DateTime = "2006-01-02 15:04:05"

// timeFormats are the accepted time formats, the most exact first.
var timeFormats = []string{
	DateTime, "2006-01-02T15:04:05",
	"2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05 -07:00", "2006-01-02 15:04:05 Z07:00", "2006-01-02 15:04:05 MST",
	"2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05-0700",
	"2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02 15:04 -0700", "2006-01-02T15:04Z07:00",
}

var dayFormats = []string{
	"2006-01-02", "2006-1-2", "2 Jan 2006", "2 January 2006", "Jan 2, 2006", "January 2, 2006", "Jan 2 2006", "January 2 2006", "2006/01/02", "2.1.2006",
}

// ParseTime parses a time as milliseconds since 1970 UTC. A time without a zone is UTC. A date without a
// time means 00:00:00, or 23:59:59 if end is true. Other zone names than UTC and GMT are rejected,
// because their offsets are ambiguous.
func ParseTime(s string, end bool) (int64, bool) {
	s = strings.Join(strings.Fields(s), " ")
	for _, f := range timeFormats {
		t, err := time.Parse(f, s)
		if err != nil {
			continue
		}
		if strings.Contains(f, "MST") && !strings.HasSuffix(s, "UTC") && !strings.HasSuffix(s, "GMT") {
			continue
		}
		return t.UnixMilli(), true
	}
	for _, f := range dayFormats {
		if t, err := time.Parse(f, s); err == nil {
			if end {
				t = t.Add(24*time.Hour - time.Second)
			}
			return t.UnixMilli(), true
		}
	}
	return 0, false
}

// FormatTime formats a time in milliseconds so that ParseTime returns the same value.
func FormatTime(ms int64) string {
	if ms%1000 != 0 {
		return UTC(ms).Format(DateTime + ".000")
	}
	return UTC(ms).Format(DateTime)
}
