package policytest

import (
	"fmt"
	"strings"

	"flyleaf/crdt/policy"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/schema"
)

// keys are keys that the schema does not have.
func (b *build) keys() {
	me := string(KeyOf("founder").Identity())
	keys := map[string]string{
		"event/colour":                       "an unknown field of the event",
		"event/links/20":                     "one link too many",
		"event/links/01":                     "a link number with a leading zero",
		"roles/somebody":                     "roles of an invalid identity",
		"people/" + strings.ToUpper(me):      "an identity in capitals",
		"people/" + me[:63]:                  "an identity of 63 characters",
		"event/x/" + strings.Repeat("n", 65): "a key of x that is too long",
	}
	for path, name := range keys {
		b.addBy(founder, policy.CodeKey, name, func(_ *scene, d *Draft) {
			if strings.HasPrefix(path, "event/") && !strings.HasPrefix(path, "event/links") {
				d.Str(path, "A")
			} else {
				d.Map(path)
			}
		})
	}
	for path, name := range map[string]string{
		"relays/8":                "one relay too many",
		"relays/1000":             "relay number 1,000",
		"blocks/eve":              "a block of an invalid identity",
		"contacts/nobody":         "a contact of an invalid identity",
		"blobs/picture":           "a blob whose key is not a hash",
		"draw/seed":               "an unknown key of the draw",
		"winners/nobody":          "winners of an invalid identity",
		"roles/" + me + "/king":   "an unknown role",
		"people/" + me + "/phone": "an unknown field of a person",
	} {
		b.addBy(founder, policy.CodeKey, name, func(_ *scene, d *Draft) {
			if up, _ := split(path); strings.Contains(up, "/") {
				d.Path(up)
			}
			d.Str(path, "A")
		})
	}
	b.addBy(reader, policy.CodeKey, "an unknown field of a post", func(s *scene, d *Draft) { d.Str(s.at("colour"), "red") })
	b.addBy(moderator, policy.CodeKey, "an unknown mark", func(s *scene, d *Draft) { d.Bool(s.at("marks/great"), true) })
	b.addBy(reader, policy.CodeKey, "an emoji of 33 bytes", func(s *scene, d *Draft) { d.React(s.reply, strings.Repeat("x", 33), true) })
	b.addIn(Options{Kind: "club"}, policy.CodeKey, "a week of a club that is not an event ID", func(s *scene) Signed {
		d := s.founder.Draft()
		d.Map("weeks/next")
		return d.Sign()
	})
	b.addIn(Options{Kind: "club"}, policy.CodeKey, "a club that is closed", func(s *scene) Signed {
		d := s.founder.Draft()
		d.Bool("club/closed", true)
		return d.Sign()
	})
}

// values are values of a wrong type or form.
func (b *build) values() {
	me := string(KeyOf("founder").Identity())
	for path, v := range map[string]wire.Value{
		"event/title":                  wire.BytesValue([]byte("A")),
		"event/startsAt":               wire.UintValue(5),
		"event/prizes":                 wire.IntValue(5),
		"event/closed":                 wire.StringValue("true"),
		"event/approve":                wire.UintValue(1),
		"event/movedTo":                wire.StringValue("elsewhere"),
		"event/cover":                  wire.StringValue("cover.jpg"),
		"people/" + me + "/publishAs":  wire.StringValue("loudly"),
		"roles/" + me + "/author":      wire.StringValue("yes"),
		"draw/commit/" + me:            wire.StringValue("secret"),
		"contacts/" + me:               wire.StringValue("by mail"),
		"blocks/" + me[1:] + "0":       wire.BoolValue(true),
		"event/links":                  wire.StringValue("none"),
		"people/" + me:                 wire.StringValue("me"),
		"winners/" + me + "/" + postID: wire.BoolValue(true),
	} {
		b.addBy(founder, policy.CodeValue, "a value of the wrong type: "+strings.ReplaceAll(strings.ReplaceAll(path, me, "<id>"), me[1:]+"0", "<id>"), func(_ *scene, d *Draft) {
			if up, _ := split(path); strings.Contains(up, "/") {
				d.Path(up)
			}
			d.Set(path, v)
		})
	}
	b.addBy(founder, policy.CodeValue, "a map instead of a value", func(_ *scene, d *Draft) { d.Map("event/title") })
	b.addBy(moderator, policy.CodeValue, "hidden without a reason", func(s *scene, d *Draft) { d.Bool(s.at("marks/hidden"), true) })
	b.addBy(moderator, policy.CodeValue, "a duplicate of an invalid post ID", func(s *scene, d *Draft) { d.Str(s.at("marks/duplicateOf"), "that") })
	b.addBy(reader, policy.CodeValue, "an unknown state", func(s *scene, d *Draft) { d.Str(s.at("state"), "lost") })
	b.addBy(reader, policy.CodeValue, "a reaction that is a string", func(s *scene, d *Draft) {
		at := "posts/" + string(s.reply) + "/reactions/" + string(s.reader.ID())
		d.Path(at).Str(at+"/want", "very much")
	})
	b.addBy(founder, policy.CodeValue, "a post with an unknown `as`", func(_ *scene, d *Draft) {
		id := d.Post("", "Hello")
		d.Str("posts/"+string(id)+"/as", "king")
	})
	b.addBy(founder, policy.CodeValue, "an origin that is an invalid post ID", func(_ *scene, d *Draft) {
		id := d.Post("", "Hello")
		d.Str("posts/"+string(id)+"/origin", "that")
	})
}

// lengths are values that are too long, and maps with too many keys.
func (b *build) lengths() {
	me := string(KeyOf("founder").Identity())
	long := func(n int) wire.Value { return wire.StringValue(strings.Repeat("x", n)) }
	for path, v := range map[string]wire.Value{
		"event/title":                  long(schema.MaxShort + 1),
		"event/authors":                long(schema.MaxShort + 1),
		"event/description":            long(schema.MaxDescription + 1),
		"event/x/colour":               long(schema.MaxXValue + 1),
		"relays/0":                     long(schema.MaxShort + 1),
		"people/" + me + "/name":       long(schema.MaxName + 1),
		"people/" + me + "/about":      long(schema.MaxAbout + 1),
		"people/" + me + "/link":       long(schema.MaxPersonLink + 1),
		"draw/rule":                    long(schema.MaxAbout + 1),
		"draw/commit/" + me:            wire.BytesValue(make([]byte, schema.MaxDraw+1)),
		"contacts/" + me:               wire.BytesValue(make([]byte, schema.MaxContact+1)),
		"event/startsAt":               wire.IntValue(1 << 53),
		"event/endsAt":                 wire.IntValue(-1 << 53),
		"event/prizes":                 wire.UintValue(1 << 53),
		"winners/" + me + "/" + postID: long(schema.MaxShort + 1),
	} {
		b.addBy(founder, policy.CodeLimit, "over-long: "+strings.ReplaceAll(path, me, "<id>"), func(_ *scene, d *Draft) {
			if up, _ := split(path); strings.Contains(up, "/") {
				d.Path(up)
			}
			d.Set(path, v)
		})
	}
	b.addBy(eve, policy.CodeLimit, "over-long: a text of 32 KiB and one byte", func(_ *scene, d *Draft) { d.Post("", strings.Repeat("x", schema.MaxText+1)) })
	b.addBy(reader, policy.CodeLimit, "over-long: tags", func(s *scene, d *Draft) { d.Set(s.at("tags"), long(schema.MaxTags+1)) })
	b.addBy(moderator, policy.CodeLimit, "over-long: a reason", func(s *scene, d *Draft) { d.Set(s.at("marks/hidden"), long(schema.MaxReason+1)) })
	b.addBy(founder, policy.CodeLimit, "over-long: onBehalfOf", func(_ *scene, d *Draft) {
		id := d.Post("", "Hello")
		d.Set("posts/"+string(id)+"/onBehalfOf", long(schema.MaxName+1))
	})
	b.addBy(reader, policy.CodeLimit, "21 emoji in one change", func(s *scene, d *Draft) {
		for i := range schema.MaxReactions + 1 {
			d.React(s.reply, fmt.Sprint("e", i), true)
		}
	})
	b.addBy(founder, policy.CodeLimit, "21 keys of x among other operations", func(_ *scene, d *Draft) {
		for i := range schema.MaxLinks {
			d.Map(fmt.Sprint("event/links/", i))
		}
		for i := range schema.MaxXKeys + 1 {
			d.Str(fmt.Sprint("event/x/", i), "A")
		}
	})
	b.add(policy.CodeLimit, "a 21st emoji", func(s *scene) Signed {
		s.reader.Do(func(d *Draft) {
			for i := range schema.MaxReactions {
				d.React(s.reply, fmt.Sprint("e", i), true)
			}
		})
		d := s.reader.Draft()
		d.React(s.reply, "one more", true)
		return d.Sign()
	})
	b.addBy(founder, policy.CodeLimit, "21 keys in the event's x", func(_ *scene, d *Draft) {
		for i := range schema.MaxXKeys + 1 {
			d.Str(fmt.Sprint("event/x/", i), "A")
		}
	})
	b.addBy(reader, policy.CodeLimit, "21 keys in a post's x", func(s *scene, d *Draft) {
		d.Map(s.at("x"))
		for i := range schema.MaxXKeys + 1 {
			d.Str(s.at(fmt.Sprint("x/", i)), "A")
		}
	})
}

// postID is a valid post ID of a post that does not exist.
var postID = string(qa.MakePostID("0123456789abcdef", []byte("01234567"), 7))
