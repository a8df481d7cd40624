package qa

import (
	"encoding/json"
	"slices"

	"flyleaf/schema"
)

// CarriedReaction is a reaction in the original chat. The people who reacted have no identity here,
// so it does not count as a vote.
type CarriedReaction struct {
	Emoji string   `json:"emoji" yaml:"emoji"`
	Count int      `json:"count" yaml:"count"`
	By    []string `json:"by,omitempty" yaml:"by,omitempty,flow"` // names, as far as they are known and fit
}

// XReactions is the key of a post's x that holds its carried reactions, as a JSON
// list of CarriedReaction.
const XReactions = "reactions"

// maxCarried bounds the reactions of one post; Slack allows 23 kinds.
const maxCarried = 50

// ReactionsX returns the value of XReactions for rs, "" for none. To fit into schema.MaxXValue
// bytes it leaves out names, of the last reactions first, and then whole reactions; left is the
// number of reactions that did not fit.
func ReactionsX(rs []CarriedReaction) (value string, left int) {
	kept := slices.Clone(rs[:min(len(rs), maxCarried)])
	for len(kept) > 0 {
		b, err := json.Marshal(kept)
		if err == nil && len(b) <= schema.MaxXValue {
			return string(b), len(rs) - len(kept)
		}
		named := -1
		for i := range kept {
			if len(kept[i].By) > 0 {
				named = i
			}
		}
		if named >= 0 {
			kept[named].By = nil
			continue
		}
		kept = kept[:len(kept)-1]
	}
	return "", len(rs)
}

// Carried reads XReactions of a post's x. An invalid value gives no reactions.
func Carried(x map[string]string) []CarriedReaction {
	var out []CarriedReaction
	if s := x[XReactions]; s == "" || json.Unmarshal([]byte(s), &out) != nil || len(out) > maxCarried {
		return nil
	}
	for i := range out {
		r := &out[i]
		r.Emoji = CleanLine(r.Emoji)
		for k := range r.By {
			r.By[k] = CleanLine(r.By[k])
		}
		r.By = slices.DeleteFunc(r.By, func(name string) bool { return name == "" })
		if r.Emoji == "" || len(r.Emoji) > schema.MaxEmoji || r.Count < 1 {
			return nil
		}
	}
	return out
}

// XTime is the key of an imported post's x that says what its time is: TimeKnown or
// TimeMadeUp. Posts that an earlier version of Flyleaf imported do not have it.
const XTime = "time"

const (
	// TimeKnown: the input said when the message was written.
	TimeKnown = "known"
	// TimeMadeUp: nobody knows when the message was written. The post's time says only
	// where it stands among the others.
	TimeMadeUp = "made-up"
)

// madeUpGapMillis lies between the times that an import makes up, in ms.
const madeUpGapMillis = 1000

// MadeUpMillis returns the time for an imported message without a time: start of the week plus one
// second per position. So a longer version of the input puts its new messages between the old ones.
// place is the message's index in Imported.Posts.
func MadeUpMillis(startsAtMillis int64, place int) int64 {
	return startsAtMillis + int64(place+1)*madeUpGapMillis
}

// Act returns the act that writes an imported message as a post, without its parent's ID.
// See MadeUpMillis for the arguments.
func (p *ImportedPost) Act(startsAtMillis int64, place int) Act {
	a := Act{
		Kind: ActPost, AtMillis: p.AtMillis, Text: p.Text, OnBehalfOf: p.Name,
		Source: p.Source, AsAuthor: p.AsAuthor, X: map[string]string{XTime: TimeKnown},
	}
	for key, value := range p.X {
		a.X[key] = value
	}
	if a.AtMillis == 0 {
		a.AtMillis, a.X[XTime] = MadeUpMillis(startsAtMillis, place), TimeMadeUp
	}
	return a
}

// TimeMadeUp reports whether an import made up the post's time. e is its event, posts the
// number of posts in it.
//
// Posts of older versions have no XTime; for them the time counts as guessed if MadeUpMillis could
// have produced it.
func (p *Post) TimeMadeUp(e *Event, posts int) bool {
	if p.Source == "" || p.OnBehalfOf == "" {
		return false
	}
	switch p.X[XTime] {
	case TimeKnown:
		return false
	case TimeMadeUp:
		return true
	}
	since := p.AtMillis - e.StartsAtMillis
	return e.StartsAtMillis != 0 && since > 0 && since%madeUpGapMillis == 0 && since/madeUpGapMillis <= int64(posts)
}

// TimeMadeUp is Post.TimeMadeUp, of the time that the view does not show.
func (v *PostView) TimeMadeUp(e *Event, posts int) bool {
	p := v.Post
	p.AtMillis = v.WriterMillis()
	return p.TimeMadeUp(e, posts)
}
