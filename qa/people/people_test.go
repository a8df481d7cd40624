package people_test

import (
	"errors"
	"strings"
	"testing"

	"flyleaf/qa"
	"flyleaf/qa/people"
)

func TestSkeleton(t *testing.T) {
	for _, alike := range [][]string{
		{
			"Ilse Marrow", "Ilse\u200b Marrow", "Il\u200bse Marrow", "ilse marrow", " ILSE  MARROW ", "Ilse\u00a0Marrow", "Ilse\u00adMarrow",
			"llse Marrow", "1lse Marrow", "|lse Marrow", "Іlѕе Маrrоw", "Ιlse Μarrow", "Ｉｌｓｅ　Ｍａｒｒｏｗ", "𝐈𝐥𝐬𝐞 𝐌𝐚𝐫𝐫𝐨𝐰",
			"Ilse Marr0w", "Ilse Rnarrow", "Ilse-Marrow", "Ilse Marrow.", "Ilse Marrow\ufe0f", "Ilse\u2060Marrow", "Ilse\u3164Marrow", "Ilsé Márrow",
			"\u202eIlse Marrow\u202c", "Ilse Marrow\U000e0020", "IlsеMarrow",
			"Ilse\u20dd Marrow", "I\u20e3lse Marrow", "Ilse\u1dc0 Marrow", "Ilse\u0610 Marrow", "Ilse\u06d6 Marrow", "I\u0483lse Marrow",
			"ɪʟꜱᴇ ᴍᴀʀʀᴏᴡ", "ᶦˡˢᵉ ᴹᵃʳʳᵒʷ", "ⲓlse ⲙarrow", "🅘🅛🅢🅔 🅼🅰🆁🆁🅾🆆", "🇮🇱🇸🇪 Marrow", "Ilse Marrovv", "Ilse Маrrow",
		},
		{"Bob", "BOB", "ВОВ", "Воb"},
		{"🙂", "🙂\ufe0f"},
		{"…", " …"},
		{"Straße", "STRASSE"},
	} {
		want := people.Skeleton(alike[0])
		if want == "" {
			t.Errorf("%q has no skeleton", alike[0])
		}
		for _, s := range alike[1:] {
			if got := people.Skeleton(s); got != want {
				t.Errorf("%q looks like %q, and %q like %q", alike[0], want, s, got)
			}
		}
	}
	seen := map[string]string{}
	for _, s := range []string{"Ilse Marrow", "Ilse Morrow", "Else Marrow", "Ida", "Ada", "Müller-Lüdenscheidt", "김민준", "김민지", "अनिता", "अनीता", "محمد", "か", "が", "🙂", "🙃", "\u0301", "…", "!"} {
		if other, ok := seen[people.Skeleton(s)]; ok {
			t.Errorf("%q and %q look the same", s, other)
		}
		seen[people.Skeleton(s)] = s
	}
	if got := people.Skeleton("\u200b \u2060"); got != "" {
		t.Errorf("nothing that can be seen looks like %q", got)
	}
	if n := len(people.Skeleton(strings.Repeat("m", 1<<20))); n > 10_000 {
		t.Errorf("a skeleton of %d bytes", n)
	}
}

func id(n byte) qa.Identity { return qa.Identity(strings.Repeat(string(rune('a'+n)), 63) + "0") }

const (
	founder = iota
	ilse
	spammer
	mina
	silent
	forger
)

// week is one with an author, a spammer who looks like her, and others.
func week() *qa.Week {
	post := func(by byte, counter uint64, text string) qa.Post {
		return qa.Post{
			ID: qa.PostID(string(id(by)[:4]) + text), By: id(by), AtMillis: 1_700_000_000_000, Op: qa.OpID{Counter: counter},
			Revisions: []qa.Revision{{Text: text}},
		}
	}
	posts := []qa.Post{post(ilse, 5, "Later"), post(ilse, 2, "I am here."), post(spammer, 3, "Buy!"), post(mina, 4, "Why?"), post(silent, 6, "Hm")}
	forged := post(forger, 7, "Me too")
	forged.OnBehalfOf = "Mina"
	imported := post(founder, 8, "From the archive")
	imported.OnBehalfOf, imported.Source = "Mina", "page#1"
	posts = append(posts, forged, imported)
	w := qa.NewWeek(qa.Event{
		Founder: id(founder), Authors: "Ilse Marrow, Teodor Anand", Roles: []qa.Grant{{ID: id(ilse), Role: qa.RoleAuthor}},
	}, posts, []qa.Person{
		{ID: id(founder), Name: "Noor Adeyemi"}, {ID: id(ilse), Name: "Ilse Marrow"}, {ID: id(spammer), Name: "Ilse\u200b Marrow"}, {ID: id(mina), Name: "Mina"},
	})
	return &w
}

func TestResolve(t *testing.T) {
	w := week()
	for typed, want := range map[string]byte{
		"Noor Adeyemi": founder, "noor adeyemi": founder, string(id(ilse)): ilse, string(id(spammer)): spammer,
		string(id(ilse)[:8]): ilse, string(id(silent)[:4]): silent,
	} {
		f, err := people.Resolve(w, typed)
		if err != nil || f.ID != id(want) {
			t.Errorf("%q means %s, %v", typed, f.ID, err)
		}
	}
	if f, err := people.Resolve(w, string(qa.Identity(strings.Repeat("9", 64)))); err != nil || f.First != nil {
		t.Errorf("a key that the week does not know: %+v, %v", f, err)
	}
	for _, typed := range []string{"Nobody", "", " ", "\u200b", "aaa", "From the archive"} {
		if f, err := people.Resolve(w, typed); !errors.Is(err, people.ErrNobody) {
			t.Errorf("%q means %+v, %v", typed, f, err)
		}
	}
	var two *people.AmbiguousError
	if _, err := people.Resolve(w, "Ilse Marrow"); !errors.As(err, &two) || len(two.Found) != 2 {
		t.Fatalf("both who look like Ilse Marrow: %v", err)
	}
	said := two.Error()
	for _, part := range []string{string(id(ilse)), string(id(spammer)), "author", "no role", "I am here.", "Buy!", "14 November 2023", "nothing was changed"} {
		if !strings.Contains(said, part) {
			t.Errorf("%q is not in %s", part, said)
		}
	}
	// Mina, and who writes in her name; not the organiser who imported her words.
	if _, err := people.Resolve(w, "Mina"); !errors.As(err, &two) || len(two.Found) != 2 || two.Found[0].ID != id(mina) || two.Found[1].ID != id(forger) || two.Found[1].Behalf != "Mina" {
		t.Errorf("who is called Mina: %v", err)
	}
	// A name that is the beginning of somebody's identity hides nobody.
	w.People[id(silent)] = qa.Person{ID: id(silent), Name: string(id(ilse)[:8])}
	if _, err := people.Resolve(w, string(id(ilse)[:8])); !errors.As(err, &two) {
		t.Errorf("a name like an identity: %v", err)
	}
}

func TestLookalikes(t *testing.T) {
	w := week()
	l := people.NewLookalikes(w)
	for name, want := range map[string]string{
		"Mina": "", "Ilse Marrow": "not the author Ilse Marrow", "IIse Marrow": "not the author Ilse Marrow", "Ilse Marrow (author)": "not the author Ilse Marrow",
		"Dr. Ilse Marrow ✓": "not the author Ilse Marrow", "Noor  Adeyemi": "not the organiser Noor Adeyemi",
		"Teodor Anand":  "not the author Teodor Anand, as far as the organisers have said",
		"Mina (author)": "not an author", "Mina [Аuthor]": "not an author", "✓ ORGANISER Mina": "not an organiser", "Mina\u2003moderator": "not a moderator",
		"Mina (au\u200bthor)": "not an author", "The Authority": "", "🙂": "",
		"Mina (AUTH0R)": "not an author", "Mina ⓐⓤⓣⓗⓞⓡ": "not an author", "🆄 Mina 🅰🆄🆃🅷🅾🆁": "not an author", "🇦🇺🇹🇭🇴🇷 Mina": "not an author",
		"a u t h o r": "not an author", "A.U.T.H.O.R. Mina": "not an author", "ᴀᴜᴛʜᴏʀ": "not an author", "Mina, organ|ser": "not an organiser", "Mina 0rganizer": "not an organiser",
		"Mina|author": "not an author", "Administrator": "not an organiser", "Ilse|Marrow": "not the author Ilse Marrow", "Ilse + Marrow": "not the author Ilse Marrow",
		"llse 🌙 Marrow": "not the author Ilse Marrow", "Ilse Marrow²": "not the author Ilse Marrow", "IlseMarrowOfficial": "not the author Ilse Marrow", "Ilse": "", "Marrow": "", "Nadia": "",
	} {
		if got := l.Name(name).String(); got != want {
			t.Errorf("%q is %q, not %q", name, got, want)
		}
	}
	// A name of one word is looked for among words: Martina is not Martin.
	w.People[id(founder)] = qa.Person{ID: id(founder), Name: "Martin"}
	one := people.NewLookalikes(w)
	for name, want := range map[string]string{"Martina Oduya": "", "martin": "not the organiser Martin", "✓ Martin": "not the organiser Martin"} {
		if got := one.Name(name).String(); got != want {
			t.Errorf("%q is %q, not %q", name, got, want)
		}
	}
	w.People[id(founder)] = qa.Person{ID: id(founder), Name: "Noor Adeyemi"}
	said := map[qa.Identity]string{}
	for i := range w.Threads {
		said[w.Threads[i].Question.By] = l.Post(&w.Threads[i].Question).String()
	}
	if said[id(ilse)] != "" || said[id(spammer)] != "not the author Ilse Marrow" || said[id(mina)] != "" {
		t.Errorf("%v", said)
	}
	behalf := qa.PostView{Post: qa.Post{By: id(mina), OnBehalfOf: "Ilse Marrow"}, Name: "Ilse Marrow"}
	if l.Post(&behalf).Badge() != "not the author" {
		t.Error("a reader writes in the author's name")
	}
	behalf.By = id(founder)
	if l.Post(&behalf).Role != "" {
		t.Error("an organiser answers for the names of what is brought in")
	}
	for who, want := range map[qa.Identity]string{
		id(mina): "Mina", id(silent): w.PersonName(id(silent)), id(founder): "Noor Adeyemi",
		id(ilse): "Ilse Marrow (" + id(ilse).Short() + ")", id(spammer): "Ilse\u200b Marrow (" + id(spammer).Short() + ")",
	} {
		if got := l.Call(who); got != want {
			t.Errorf("%s is called %q, not %q", who, got, want)
		}
	}
	w.People[id(mina)] = qa.Person{ID: id(mina), Name: "Noor (" + id(founder).Short() + ")"}
	if got, want := l.Call(id(mina)), "Noor ("+id(founder).Short()+") ("+id(mina).Short()+")"; got != want {
		t.Errorf("a name that ends like an identity is called %q", got)
	}
	for _, name := range []string{w.PersonName(id(silent)), "anonymous"} {
		w.People[id(mina)] = qa.Person{ID: id(mina), Name: name}
		if got, want := l.Call(id(mina)), name+" ("+id(mina).Short()+")"; got != want {
			t.Errorf("a chosen name that looks like none is called %q, not %q", got, want)
		}
	}
	if l.Person(id(ilse), "Ilse Marrow").Role != "" || l.Person(id(spammer), "Ilse Marrow").Role == "" {
		t.Error("outside of posts")
	}
}
