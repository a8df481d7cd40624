package policytest

import (
	"flyleaf/crdt/policy"
	"flyleaf/qa"
)

// InvalidTexts are strings that rules of version 2 accept nowhere, by what is wrong with them.
var InvalidTexts = map[string]string{
	"NUL":                                   "a\x00b",
	"escape":                                "a\x1b[31mb",
	"a carriage return":                     "a\r\nb",
	"DEL":                                   "a\x7fb",
	"C1":                                    "a\u009b31mb",
	"a right-to-left override":              "a\u202eb",
	"an embedding":                          "a\u202ab\u202c",
	"an isolate":                            "\u2067a\u2069",
	"a deprecated control":                  "a\u206ab",
	"a noncharacter":                        "a\uffffb",
	"a noncharacter of another plane":       "a\U0001fffeb",
	"a noncharacter of the Arabic block":    "a\ufdd0b",
	"a zero-width space alone":              "\u200b",
	"spaces alone":                          " \u00a0 ",
	"fillers alone":                         "\u3164\u115f\u2800",
	"a joiner and a variation selector":     "\u200d\ufe0f",
	"tags alone":                            "\U000e0067\U000e007f",
	"a soft hyphen and a byte order mark":   "\u00ad\ufeff",
	"accents on nothing":                    " \u0301\u20dd",
	"an invisible operator and a word join": "\u2062\u2060",
}

// InvalidLines are texts that rules of version 2 do not accept where the schema requires a line.
var InvalidLines = map[string]string{
	"a line break":            "a\nb",
	"a tab":                   "a\tb",
	"a line separator":        "a\u2028b",
	"a right-to-left mark":    "a\u200fb",
	"an Arabic letter mark":   "a\u061cb",
	"a line break at the end": "a\n",
}

// texts are strings that are not valid texts, or not valid lines.
func (b *build) texts() {
	for name, s := range InvalidTexts {
		b.addBy(eve, policy.CodeText, "a question with "+name, func(_ *scene, d *Draft) { d.Post("", s) })
		b.addBy(eve, policy.CodeText, "a name with "+name, func(x *scene, d *Draft) {
			me := "people/" + string(x.eve.ID())
			d.Path(me).Str(me+"/name", s)
		})
	}
	for name, s := range InvalidLines {
		b.addBy(founder, policy.CodeText, "a title with "+name, func(_ *scene, d *Draft) { d.Str("event/title", s) })
	}
	const line = "a\nb"
	b.addBy(founder, policy.CodeText, "authors with a line break", func(_ *scene, d *Draft) { d.Str("event/authors", line) })
	b.addBy(founder, policy.CodeText, "a relay with a line break", func(_ *scene, d *Draft) { d.Str("relays/0", line) })
	b.addBy(founder, policy.CodeText, "a link text with a line break", func(_ *scene, d *Draft) {
		d.Path("event/links/0").Str("event/links/0/text", line)
	})
	b.addBy(reader, policy.CodeText, "tags with a line break", func(s *scene, d *Draft) { d.Str(s.at("tags"), line) })
	b.addBy(eve, policy.CodeText, "onBehalfOf with a line break", func(_ *scene, d *Draft) {
		id := d.Post("", "Hello")
		d.Str("posts/"+string(id)+"/onBehalfOf", line)
	})
	b.addBy(moderator, policy.CodeText, "a reason with NUL", func(s *scene, d *Draft) { d.Str(s.at("marks/hidden"), "a\x00b") })
	b.addBy(moderator, policy.CodeText, "a block with an invisible reason", func(s *scene, d *Draft) { d.Str("blocks/"+string(s.eve.ID()), "\u200b") })
	b.addBy(founder, policy.CodeText, "a description with NUL", func(_ *scene, d *Draft) { d.Str("event/description", "a\x00b") })
	b.addBy(founder, policy.CodeText, "a key of x with a line break", func(_ *scene, d *Draft) { d.Str("event/x/a\nb", "A") })
	b.addBy(reader, policy.CodeText, "an invisible emoji", func(s *scene, d *Draft) { d.React(s.reply, "\u200d\ufe0f", true) })
	b.addIn(Options{Kind: "club"}, policy.CodeText, "a week of a club with NUL in its title", func(s *scene) Signed {
		week := "weeks/" + string(qa.MakeEventID([16]byte{1}))
		d := s.founder.Draft()
		d.Map(week)
		d.Str(week+"/title", "a\x00b")
		return d.Sign()
	})
	b.addGenesis(policy.CodeText, "a genesis with an invisible title", Options{More: func(d *Draft) { d.Str("event/title", "\u200b") }}, nil)
}
