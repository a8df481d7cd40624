package policytest

import (
	"fmt"
	"strings"

	"flyleaf/crdt/policy"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/schema"
)

func (b *build) keys() {
	me := string(KeyOf("founder").Identity())
	keys := map[string]string{
		"event/colour":                       "a field that events lack",
		"event/links/20":                     "a link too many",
		"event/links/01":                     "a link by another name",
		"roles/somebody":                     "roles of something that is nobody",
		"people/" + strings.ToUpper(me):      "a person in capitals",
		"people/" + me[:63]:                  "a person cut short",
		"event/x/" + strings.Repeat("n", 65): "a long name in x",
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
		"relays/8":                "a relay too many",
		"relays/1000":             "a relay far too many",
		"blocks/eve":              "a block of something that is nobody",
		"contacts/nobody":         "the contact of nobody",
		"blobs/picture":           "a blob by name",
		"draw/seed":               "something else in the draw",
		"winners/nobody":          "the winners of nobody",
		"roles/" + me + "/king":   "a role that is none",
		"people/" + me + "/phone": "something else about a person",
	} {
		b.addBy(founder, policy.CodeKey, name, func(_ *scene, d *Draft) {
			if up, _ := split(path); strings.Contains(up, "/") {
				d.Path(up)
			}
			d.Str(path, "A")
		})
	}
	b.addBy(reader, policy.CodeKey, "something else of a post", func(s *scene, d *Draft) { d.Str(s.at("colour"), "red") })
	b.addBy(moderator, policy.CodeKey, "a mark that is none", func(s *scene, d *Draft) { d.Bool(s.at("marks/great"), true) })
	b.addBy(reader, policy.CodeKey, "an emoji of 33 bytes", func(s *scene, d *Draft) { d.React(s.reply, strings.Repeat("x", 33), true) })
	b.addIn(Options{Kind: "club"}, policy.CodeKey, "a club's week that is no event", func(s *scene) Signed {
		d := s.founder.Draft()
		d.Map("weeks/next")
		return d.Sign()
	})
	b.addIn(Options{Kind: "club"}, policy.CodeKey, "the closing of a club", func(s *scene) Signed {
		d := s.founder.Draft()
		d.Bool("club/closed", true)
		return d.Sign()
	})
}

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
		b.addBy(founder, policy.CodeValue, "a value of another kind at "+strings.ReplaceAll(strings.ReplaceAll(path, me, "<id>"), me[1:]+"0", "<id>"), func(_ *scene, d *Draft) {
			if up, _ := split(path); strings.Contains(up, "/") {
				d.Path(up)
			}
			d.Set(path, v)
		})
	}
	b.addBy(founder, policy.CodeValue, "a map for a value", func(_ *scene, d *Draft) { d.Map("event/title") })
	b.addBy(moderator, policy.CodeValue, "hidden without words", func(s *scene, d *Draft) { d.Bool(s.at("marks/hidden"), true) })
	b.addBy(moderator, policy.CodeValue, "a duplicate of something that is no post", func(s *scene, d *Draft) { d.Str(s.at("marks/duplicateOf"), "that") })
	b.addBy(reader, policy.CodeValue, "a state that is none", func(s *scene, d *Draft) { d.Str(s.at("state"), "lost") })
	b.addBy(reader, policy.CodeValue, "a reaction in words", func(s *scene, d *Draft) {
		at := "posts/" + string(s.reply) + "/reactions/" + string(s.reader.ID())
		d.Path(at).Str(at+"/want", "very much")
	})
	b.addBy(founder, policy.CodeValue, "a post as somebody else", func(_ *scene, d *Draft) {
		id := d.Post("", "Hello")
		d.Str("posts/"+string(id)+"/as", "king")
	})
	b.addBy(founder, policy.CodeValue, "an origin that is no post", func(_ *scene, d *Draft) {
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
	b.addBy(eve, policy.CodeLimit, "over-long: a text of 32 KiB and a byte", func(_ *scene, d *Draft) { d.Post("", strings.Repeat("x", schema.MaxText+1)) })
	b.addBy(reader, policy.CodeLimit, "over-long: tags", func(s *scene, d *Draft) { d.Set(s.at("tags"), long(schema.MaxTags+1)) })
	b.addBy(moderator, policy.CodeLimit, "over-long: a reason", func(s *scene, d *Draft) { d.Set(s.at("marks/hidden"), long(schema.MaxReason+1)) })
	b.addBy(founder, policy.CodeLimit, "over-long: on whose behalf", func(_ *scene, d *Draft) {
		id := d.Post("", "Hello")
		d.Set("posts/"+string(id)+"/onBehalfOf", long(schema.MaxName+1))
	})
	b.addBy(reader, policy.CodeLimit, "21 emoji at once", func(s *scene, d *Draft) {
		for i := range schema.MaxReactions + 1 {
			d.React(s.reply, fmt.Sprint("e", i), true)
		}
	})
	b.addBy(founder, policy.CodeLimit, "21 x among other things", func(_ *scene, d *Draft) {
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
	b.addBy(founder, policy.CodeLimit, "21 names in the event's x", func(_ *scene, d *Draft) {
		for i := range schema.MaxXKeys + 1 {
			d.Str(fmt.Sprint("event/x/", i), "A")
		}
	})
	b.addBy(reader, policy.CodeLimit, "21 names in a post's x", func(s *scene, d *Draft) {
		d.Map(s.at("x"))
		for i := range schema.MaxXKeys + 1 {
			d.Str(s.at(fmt.Sprint("x/", i)), "A")
		}
	})
}

// postID is a post ID of nobody's.
var postID = string(qa.MakePostID("0123456789abcdef", []byte("01234567"), 7))
