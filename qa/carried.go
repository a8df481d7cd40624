package qa

import (
	"encoding/json"
	"slices"

	"flyleaf/schema"
)

// CarriedReaction is an emoji that people gave a message where it was written
// first. They are not people here, so it is no vote: it is kept in the post's x
// (XReactions), and shown as what it is.
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

// ReactionsX returns the value of XReactions for rs, "" for none. It leaves names
// out, of the last reactions first, until it fits into schema.MaxXValue bytes, and
// then whole reactions; left is how many reactions it had to leave out whole.
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

// Carried reads XReactions of a post's x. A value of another shape is nobody's reaction.
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
