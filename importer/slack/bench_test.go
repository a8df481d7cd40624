package slack

import (
	"bytes"
	"fmt"
	"testing"
	"time"
)

// BenchmarkRead reads a channel of years out of a ZIP: each week 18 questions with two
// replies, and forty people who join.
func BenchmarkRead(b *testing.B) {
	for _, weeks := range []int{10, 100, 800} {
		b.Run(fmt.Sprint(weeks, " weeks"), func(b *testing.B) {
			s := newSample()
			start := time.Date(2016, 1, 4, 9, 0, 0, 0, time.UTC)
			for w := range weeks {
				for q := range 18 {
					at := start.AddDate(0, 0, 7*w+q%5).Add(time.Duration(q) * time.Minute)
					file := "book-of-the-week/" + at.Format(time.DateOnly) + ".json"
					lead := fmt.Sprintf("%d.%06d", at.Unix(), q)
					s.days[file] = append(s.days[file], fields{"type": "message", "user": "U2", "ts": lead, "thread_ts": lead, "text": "*Why* is <https://a.example/b|this> so? :tada: " + string(bytes.Repeat([]byte("words "), 30))})
					for i := range 2 {
						s.days[file] = append(s.days[file], fields{"type": "message", "user": "U1", "ts": fmt.Sprintf("%d.%06d", at.Unix()+60, q*10+i), "thread_ts": lead, "text": string(bytes.Repeat([]byte("answers "), 30))})
					}
					for i := range 2 {
						s.days[file] = append(s.days[file], fields{"type": "message", "subtype": "channel_join", "user": "U4", "ts": fmt.Sprintf("%d.%06d", at.Unix()+90, q*10+i), "text": "<@U4> has joined the channel"})
					}
				}
			}
			zip := zipped(b, s.fs(), "")
			for b.Loop() {
				z, err := OpenZip("x", bytes.NewReader(zip), int64(len(zip)))
				if err != nil {
					b.Fatal(err)
				}
				x, err := Read(z, botw)
				if err != nil || len(x.Weeks) != weeks {
					b.Fatalf("%d weeks, %v", len(x.Weeks), err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*weeks), "µs/week")
		})
	}
}
