package people

import (
	"regexp"
	"strings"
	"unicode"

	"flyleaf/qa"
)

// Lookalike says which important person a name imitates. Role and Name are those of the imitated
// person. The zero value is for a name that looks like nobody's.
type Lookalike struct {
	Role qa.Role // "" for nobody
	Name string  // "" if the name only claims a role
	// HoldsRole is false if the event only names the imitated person as an author.
	HoldsRole bool
}

// Badge says in a few words what somebody is not, without a name; "" for nothing.
func (l Lookalike) Badge() string {
	switch {
	case l.Role == "":
		return ""
	case l.Name != "":
		return "not the " + string(l.Role)
	case l.Role == qa.RoleModerator:
		return "not a moderator"
	}
	return "not an " + string(l.Role)
}

// String is Badge with the name: "not the author Ilse Marrow"; "" for nothing.
func (l Lookalike) String() string {
	switch {
	case l.Name == "":
		return l.Badge()
	case l.HoldsRole:
		return l.Badge() + " " + l.Name
	}
	return l.Badge() + " " + l.Name + ", as far as the organisers have said"
}

// Lookalikes finds the names of a week that could be mistaken for an author's or an
// organiser's. It is not safe for concurrent use.
type Lookalikes struct {
	week  *qa.Week
	event *qa.Event
	known []knownName
	memo  map[string]Lookalike // what Name found, by name
	alike map[string]int       // how many people have a name of this skeleton; nil: to be counted
}

// knownName is the name of somebody who answers for the week.
type knownName struct {
	name, looks string
	role        qa.Role
	held        bool // the person holds the role; false: the week only names them
}

// maxKnown bounds the names that others are compared with. Organisers decide how many
// people hold a role.
const maxKnown = 200

// NewLookalikes returns the lookalikes of a week.
func NewLookalikes(w *qa.Week) *Lookalikes {
	l := &Lookalikes{week: w, event: &w.Event, memo: map[string]Lookalike{}}
	add := func(name string, role qa.Role, held bool) {
		if looks := Skeleton(name); looks != "" && len(l.known) < maxKnown {
			l.known = append(l.known, knownName{strings.Join(strings.Fields(name), " "), looks, role, held})
		}
	}
	for _, role := range []qa.Role{qa.RoleAuthor, qa.RoleOrganiser} {
		for _, g := range w.Event.Roles {
			if g.Role == role {
				add(w.People[g.ID].Name, role, true)
			}
		}
	}
	add(w.People[w.Event.Founder].Name, qa.RoleOrganiser, true)
	for name := range strings.SplitSeq(strings.NewReplacer(";", ",", " & ", ",", " and ", ",").Replace(w.Event.Authors), ",") {
		add(name, qa.RoleAuthor, false)
	}
	return l
}

// Post checks the name a post is shown under.
func (l *Lookalikes) Post(p *qa.PostView) Lookalike {
	e := l.event
	switch {
	case p.ByAuthor, e.HasRole(p.By, qa.RoleOrganiser):
		return Lookalike{} // who brings other people's words in, answers for the names
	case p.OnBehalfOf == "" && (e.HasRole(p.By, qa.RoleAuthor) || e.HasRole(p.By, qa.RoleModerator)):
		return Lookalike{}
	}
	return l.Name(p.Name)
}

// Person is Post for what somebody is called outside of their posts.
func (l *Lookalikes) Person(id qa.Identity, name string) Lookalike {
	for _, role := range []qa.Role{qa.RoleOrganiser, qa.RoleAuthor, qa.RoleModerator} {
		if l.event.HasRole(id, role) {
			return Lookalike{}
		}
	}
	return l.Name(name)
}

// Name is Post for the name of somebody who holds no role.
func (l *Lookalikes) Name(name string) Lookalike {
	if said, ok := l.memo[name]; ok {
		return said
	}
	said := l.look(name)
	l.memo[name] = said
	return said
}

// Call returns how a sentence refers to a person: as qa.Week.PersonName does. The beginning of
// the identity follows a name that the person chose if another person's name looks the same, if
// the person holds no role and the name looks like that of somebody who does, if the name looks
// like those of people without a name, or if it contains something that looks like an identity.
func (l *Lookalikes) Call(id qa.Identity) string {
	name := strings.Join(strings.Fields(l.week.People[id].Name), " ")
	if name == "" {
		return l.week.PersonName(id)
	}
	if l.alike == nil {
		l.alike = make(map[string]int, len(l.week.People))
		for _, p := range l.week.People {
			l.alike[Skeleton(p.Name)]++
		}
	}
	if l.alike[Skeleton(name)] > 1 || l.Person(id, name).Role != "" || notAName.MatchString(name) {
		return name + " (" + id.Short() + ")"
	}
	return name
}

// notAName finds what looks like the beginning of an identity, as Call writes it, or like what qa.Week.PersonName
// calls people without a name.
var notAName = regexp.MustCompile(`(?i)[0-9a-f]{8}|^` + qa.AnonymousName + `$|^\pL+ \d{5}$`)

// leastWithin is how long a skeleton has to be for names that hold it, among other
// words, to look like it.
const leastWithin = 6

func (l *Lookalikes) look(name string) Lookalike {
	looks := Skeleton(name)
	// A bar may separate words or replace a letter: both readings are checked.
	words := [...][]string{wordsOf(name, false), wordsOf(name, true)}
	within := func(looks string) bool { return holds(words[0], looks) || holds(words[1], looks) }
	for i := range l.known {
		k := &l.known[i]
		switch {
		case looks == k.looks, len(k.looks) >= leastWithin && within(k.looks):
		case len(k.looks) >= leastWithin && strings.Contains(k.name, " ") && strings.Contains(looks, k.looks):
		default:
			continue
		}
		return Lookalike{k.role, k.name, k.held}
	}
	for _, w := range roleWords {
		if within(w.looks) {
			return Lookalike{Role: w.role}
		}
	}
	return Lookalike{}
}

// wordsOf returns the skeletons of a name's words. Letters, digits and marks make words;
// what cannot be seen joins them, and all else stands between.
func wordsOf(name string, bar bool) []string {
	words := strings.FieldsFunc(unboxed(name), func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r) && (!bar || r != '|') && qa.HideInvisible(string(r)) != ""
	})
	for i := range words {
		words[i] = Skeleton(words[i])
	}
	return words
}

// holds reports whether one word, or several that follow each other, look so together:
// letters that were set apart with spaces are read as a word.
func holds(words []string, looks string) bool {
	for i := range words {
		rest := looks
		for _, word := range words[i:] {
			var follows bool
			if rest, follows = strings.CutPrefix(rest, word); !follows {
				break
			}
			if rest == "" {
				return true
			}
		}
	}
	return false
}

// roleWords are the words that a badge would have, as they look.
var roleWords = func() (out []roleWord) {
	for _, w := range []roleWord{
		{"author", qa.RoleAuthor},
		{"organiser", qa.RoleOrganiser},
		{"organizer", qa.RoleOrganiser},
		{"founder", qa.RoleOrganiser},
		{"admin", qa.RoleOrganiser},
		{"administrator", qa.RoleOrganiser},
		{"moderator", qa.RoleModerator},
	} {
		out = append(out, roleWord{Skeleton(w.looks), w.role}, roleWord{Skeleton(w.looks + "s"), w.role})
	}
	return out
}()

type roleWord struct {
	looks string
	role  qa.Role
}
