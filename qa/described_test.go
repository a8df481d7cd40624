package qa

import (
	"encoding/json"
	"strings"
	"testing"

	"flyleaf/schema"
)

// TestSentences: each kind of change has its sentence for every log.
func TestSentences(t *testing.T) {
	who := Identity(strings.Repeat("ab", 32))
	const post, other = PostID("p1"), PostID("p2")
	for want, d := range map[string]ChangeDescription{
		`founded the event`:                             {Kind: schema.DidCreate},
		`merged concurrent changes`:                     {Kind: schema.DidMerge},
		`asked p1: "Why?"`:                              {Kind: schema.DidAsk, Post: post, Text: "Why?"},
		`asked p1`:                                      {Kind: schema.DidAsk, Post: post},
		`replied to p2 in p1: "So."`:                    {Kind: schema.DidReply, Post: post, Parent: other, Text: "So."},
		`edited p1: "a b"`:                              {Kind: schema.DidEdit, Post: post, Text: "a\n\nb"},
		`emptied p1`:                                    {Kind: schema.DidEdit, Post: post},
		`withdrew p1`:                                   {Kind: schema.DidWithdraw, Post: post, On: true},
		`brought p1 back`:                               {Kind: schema.DidWithdraw, Post: post},
		`reacted "👍" to p1`:                             {Kind: schema.DidReact, Post: post, Key: "👍", On: true},
		`took back the reaction "👍" to p1`:              {Kind: schema.DidReact, Post: post, Key: "👍"},
		`asked for an answer to p1, too`:                {Kind: schema.DidReact, Post: post, Key: WantEmoji, On: true},
		`hid p1: "spam"`:                                {Kind: schema.DidMark, Post: post, Key: "hidden", Text: "spam"},
		`unhid p1`:                                      {Kind: schema.DidMark, Post: post, Key: "hidden"},
		`marked p1 as not answered`:                     {Kind: schema.DidMark, Post: post, Key: "answered"},
		`marked p1 as a duplicate of p2`:                {Kind: schema.DidMark, Post: post, Key: "duplicateOf", Text: "p2"},
		`assigned p1 to abababab`:                       {Kind: schema.DidMark, Post: post, Key: "assigned", Person: who, On: true},
		`made abababab an author`:                       {Kind: schema.DidRole, Person: who, Key: "author", On: true},
		`blocked abababab: "\"rude\""`:                  {Kind: schema.DidBlock, Person: who, Text: `"rude"`},
		`unblocked abababab`:                            {Kind: schema.DidBlock, Person: who},
		`used an invitation as abababab`:                {Kind: schema.DidClaim, Text: string(who)},
		`changed the title to "A book"`:                 {Kind: schema.DidEvent, Key: "title", Value: "A book"},
		`removed the title`:                             {Kind: schema.DidEvent, Key: "title", Value: ""},
		`changed the subtitle to "Data"`:                {Kind: schema.DidEvent, Key: "x/subtitle", Value: "Data"},
		`closed the event`:                              {Kind: schema.DidEvent, Key: "closed", Value: true},
		`opened the event again`:                        {Kind: schema.DidEvent, Key: "closed", Value: false},
		`changed the links`:                             {Kind: schema.DidEvent, Key: "links/0/url", Value: "https://a"},
		`set the extra field "a/b" to "c"`:              {Kind: schema.DidEvent, Key: "x/a/b", Value: "c"},
		`changed a relay to "wss://a"`:                  {Kind: schema.DidEvent, Key: "relays/0", Value: "wss://a"},
		`changed the number of copies to 3`:             {Kind: schema.DidEvent, Key: "prizes", Value: uint64(3)},
		`listed the week "A"`:                           {Kind: schema.DidWeek, Text: "id", Key: "title", Value: "A"},
		`removed a week from the list`:                  {Kind: schema.DidWeek, Text: "id", Key: "title", Value: ""},
		`committed to a secret for the draw`:            {Kind: schema.DidDraw, Key: "commit", Person: who, Value: "ab"},
		`gave a copy to the writer of p1: "You"`:        {Kind: schema.DidWinner, Person: who, Post: post, Text: "You"},
		`sent contact details to the founder`:           {Kind: schema.DidContact, Person: who},
		`added a picture`:                               {Kind: schema.DidBlob, Key: "ab"},
		`changed the first day to 2026-01-01 00:00 UTC`: {Kind: schema.DidEvent, Key: "startsAt", Value: int64(1767225600000)},
		`did something that this version does not know`: {Kind: "later", Key: "x"},
	} {
		b, err := json.Marshal(d)
		var back ChangeDescription
		if err == nil {
			err = json.Unmarshal(b, &back)
		}
		if err != nil || d.String() != want || back.String() != want {
			t.Errorf("%+v: %q, out of JSON %q, want %q: %v", d, d.String(), back.String(), want, err)
		}
	}
}

// TestEveryKindOfLogLineHasASentence: each kind has two sentences of its own, for an act and for undoing it.
func TestEveryKindOfLogLineHasASentence(t *testing.T) {
	seen := map[string]LogKind{}
	for _, kind := range []LogKind{LogHidden, LogPinned, LogApproved, LogAnswered, LogDuplicate, LogRole, LogBlock, LogClosed, LogApprove} {
		for _, on := range []bool{true, false} {
			l := LogEntry{Kind: kind, On: on, Post: "p", Role: RoleAuthor, Identity: "i"}
			if on && (kind == LogHidden || kind == LogBlock) {
				l.Text = "why"
			}
			if on && kind == LogDuplicate {
				l.Of = "o"
			}
			d := l.Did()
			s := d.String()
			if s == "" || seen[s] != "" || strings.Contains(s, "version") {
				t.Errorf("%s, %v: %q", kind, on, s)
			}
			seen[s] = kind
		}
	}
}
