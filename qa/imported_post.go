package qa

import (
	"encoding/json"
	"slices"

	"flyleaf/schema"
)

// ImportedReaction is a reaction in the original chat. The people who reacted have no identity here,
// so it does not count as a vote.
type ImportedReaction struct {
	Emoji string   `json:"emoji" yaml:"emoji"`
	Count int      `json:"count" yaml:"count"`
	By    []string `json:"by,omitempty" yaml:"by,omitempty,flow"` // names, if they are known and there is room for them
}

// XReactions is the key of a post's x that holds its carried reactions, as a JSON
// list of ImportedReaction.
const XReactions = "reactions"

// maxImportedReactions bounds the reactions of one post; Slack allows 23 kinds.
const maxImportedReactions = 50

// EncodeReactions returns the value of XReactions for rs, "" for none. To fit into schema.MaxXValue
// bytes it omits names, of the last reactions first, and then whole reactions. left is the number of
// omitted reactions.
func EncodeReactions(rs []ImportedReaction) (value string, left int) {
	kept := slices.Clone(rs[:min(len(rs), maxImportedReactions)])
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

// ImportedReactions reads XReactions of a post's x. An invalid value gives no reactions.
func ImportedReactions(x map[string]string) []ImportedReaction {
	var out []ImportedReaction
	if s := x[XReactions]; s == "" || json.Unmarshal([]byte(s), &out) != nil || len(out) > maxImportedReactions {
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

// XTime is the key of an imported post's x that says whether its time is known: TimeKnown or
// TimeUnknown. Posts that an earlier version of Flyleaf imported do not have it.
const XTime = "time"

const (
	// TimeKnown: the input said when the message was written.
	TimeKnown = "known"
	// TimeUnknown: the input did not say when the message was written. The post has a placeholder time,
	// which only determines its place among the others.
	TimeUnknown = "made-up"
)

// placeholderStepMillis is the difference of consecutive placeholder times, in ms.
const placeholderStepMillis = 1000

// PlaceholderMillis returns the time for an imported message without a time: start of the week plus one
// second per position. place is the message's index in Imported.Posts. So the new messages of a longer
// version of the input come between the old ones.
func PlaceholderMillis(startsAtMillis int64, place int) int64 {
	return startsAtMillis + int64(place+1)*placeholderStepMillis
}

// Act returns the act that writes an imported message as a post, without its parent's ID.
// See PlaceholderMillis for the arguments.
func (p *ImportedPost) Act(startsAtMillis int64, place int) Act {
	a := Act{
		Kind: ActPost, AtMillis: p.AtMillis, Text: p.Text, OnBehalfOf: p.Name,
		Source: p.Source, AsAuthor: p.AsAuthor, X: map[string]string{XTime: TimeKnown},
	}
	for key, value := range p.X {
		a.X[key] = value
	}
	if a.AtMillis == 0 {
		a.AtMillis, a.X[XTime] = PlaceholderMillis(startsAtMillis, place), TimeUnknown
	}
	return a
}

// TimeUnknown reports whether the post has a placeholder time from an import. e is its event, posts the
// number of posts in it.
//
// Posts of older versions have no XTime; for them the time counts as unknown if PlaceholderMillis could
// have produced it.
func (p *Post) TimeUnknown(e *Event, posts int) bool {
	if !p.IsImported() {
		return false
	}
	switch p.X[XTime] {
	case TimeKnown:
		return false
	case TimeUnknown:
		return true
	}
	since := p.AtMillis - e.StartsAtMillis
	return e.StartsAtMillis != 0 && since > 0 && since%placeholderStepMillis == 0 && since/placeholderStepMillis <= int64(posts)
}

// TimeUnknown is Post.TimeUnknown for the writer's time, also if the view shows another one.
func (v *PostView) TimeUnknown(e *Event, posts int) bool {
	p := v.Post
	p.AtMillis = v.WriterMillis()
	return p.TimeUnknown(e, posts)
}
