// Package digest lists what is new for a person in their weeks, as plain text and as an HTML
// page: what they won and announcements first, then replies to their own questions, winners, new answers and new
// questions.
//
// Its functions depend only on their arguments. Nothing is listed in two digests, if the caller
// stores the keys that a digest listed (Digest.Listed) and passes them to the next digest
// (Options.Listed). A digest leaves out posts that may not be published, and the person's own posts.
package digest

import (
	"crypto/sha256"
	"embed"
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
	"time"

	"flyleaf/markdown"
	"flyleaf/qa"
	"flyleaf/qa/people"
	"flyleaf/schema"
	"flyleaf/style"
)

// MaxItems bounds the items of a section. Section.More counts the others.
const MaxItems = 20

// excerpt is how many characters of a post an item shows.
const excerpt = 280

// Options say for whom a digest is made, and from which time on.
type Options struct {
	// Me are the identities of the person: their own, and those of questions that they
	// asked anonymously.
	Me []qa.Identity
	// Listed reports whether an earlier digest listed a key: the ID of a post, "won " and the ID of a winning
	// question, or "announcement " and a hash of the text. nil: there was no earlier digest.
	Listed func(event qa.EventID, what string) bool
	// SinceMillis leaves out posts that were written before that time; 0: none. A post that
	// depends on a later post counts as later, even if its writer's clock is slow.
	SinceMillis int64
	// NowMillis decides whether winners are told yet, see qa.Event.WinnersTold.
	NowMillis int64
	// Link returns the address of a post, "" if it has none. nil: no post has one.
	Link func(event qa.EventID, post qa.PostID) string
}

// Digest is what is new for a person.
type Digest struct {
	Weeks []Week
	// Listed has the keys that the next digest must skip (see Options.Listed). The caller stores them when
	// the digest has been read or sent.
	Listed map[qa.EventID][]string
}

// Week is what is new in one week.
type Week struct {
	Title, Authors string
	// News has the organisers' announcement. YouWon has the person's own winning questions, Won those of others.
	YouWon, News, Yours, Won, Answers, Questions Section
}

// Section is a list under one heading.
type Section struct {
	Items []Item
	More  int // items that MaxItems left out
}

// Item is an excerpt of a post.
type Item struct {
	Name string // of the writer
	Not  string // a warning such as "not the author …", for a name that looks like another's
	Text string // plain, one line
	To   string // the question that the post replies to, plain, one line; "" for a question
	Link string
}

func (s *Section) add(i Item) {
	if len(s.Items) == MaxItems {
		s.More++
		return
	}
	s.Items = append(s.Items, i)
}

// Len returns the number of items, including the omitted ones.
func (s *Section) Len() int { return len(s.Items) + s.More }

// Empty reports whether nothing is new.
func (d *Digest) Empty() bool { return len(d.Weeks) == 0 }

// New finds what is new in the weeks. The digest has them in the order given.
func New(weeks []qa.Week, o Options) Digest {
	d := Digest{Listed: map[qa.EventID][]string{}}
	for i := range weeks {
		if w, ok := d.week(&weeks[i], o); ok {
			d.Weeks = append(d.Weeks, w)
		}
	}
	return d
}

func (d *Digest) week(week *qa.Week, o Options) (Week, bool) {
	id := week.Event.ID
	w := Week{Title: week.Event.Title, Authors: week.Event.Authors}
	look := people.NewLookalikes(week)
	// A writer's clock that is weeks behind makes a new post look old. Lamport counters only grow.
	// If a post's counter is above the lowest counter of all posts since SinceMillis, treat it as
	// new: this may list an old concurrent post, but misses none.
	first := uint64(math.MaxUint64)
	week.EachPost(func(p *qa.PostView) {
		if p.AtMillis >= o.SinceMillis {
			first = min(first, p.Op.Counter)
		}
	})
	week.EachPost(func(p *qa.PostView) {
		if week.Event.Published(&p.Post) { // what is published later, a later digest lists
			d.Listed[id] = append(d.Listed[id], string(p.ID))
		}
	})
	news := week.News(o.Me, func(p *qa.PostView) bool {
		return week.Event.Published(&p.Post) && (p.AtMillis >= o.SinceMillis || p.Op.Counter > first) && (o.Listed == nil || !o.Listed(id, string(p.ID)))
	})
	item := func(p *qa.PostView, to string) Item {
		i := Item{Name: p.Name, Not: look.Post(p).String(), Text: markdown.Line(p.Text(), excerpt), To: to}
		if o.Link != nil {
			i.Link = o.Link(id, p.ID)
		}
		return i
	}
	won := map[qa.PostID]bool{}
	if week.Event.WinnersTold(o.NowMillis) {
		won = week.WinningQuestions()
	}
	replies := func(to *Section, posts []qa.NewPost) {
		for _, n := range posts {
			asked := ""
			if q := &n.Thread.Question; q.Shown() {
				asked = markdown.Line(q.Text(), 100)
			}
			to.add(item(n.Post, asked))
		}
	}
	replies(&w.Yours, news.Yours) // of other readers too
	replies(&w.Answers, news.Answers)
	for _, n := range news.Questions {
		w.Questions.add(item(n.Post, ""))
	}
	for i := range week.Threads {
		q := &week.Threads[i].Question
		if key := "won " + string(q.ID); won[q.ID] && q.Shown() {
			d.Listed[id] = append(d.Listed[id], key)
			switch {
			case o.Listed != nil && o.Listed(id, key):
			case slices.Contains(o.Me, q.By):
				w.YouWon.add(item(q, ""))
			default:
				w.Won.add(item(q, ""))
			}
		}
	}
	if text := week.Event.Announcement; text != "" {
		key := fmt.Sprintf("announcement %x", sha256.Sum256([]byte(text)))[:len("announcement ")+16]
		d.Listed[id] = append(d.Listed[id], key)
		if o.Listed == nil || !o.Listed(id, key) {
			w.News.add(Item{Name: "The organisers", Text: markdown.Line(text, schema.MaxXValue)})
		}
	}
	return w, len(w.Sections()) > 0
}

// Subject returns one line that says what the digest lists, for a mail.
func (d *Digest) Subject() string {
	var yours, answers, questions, won, youWon, news int
	for i := range d.Weeks {
		w := &d.Weeks[i]
		youWon, news = youWon+w.YouWon.Len(), news+w.News.Len()
		yours, won = yours+w.Yours.Len(), won+w.Won.Len()
		answers, questions = answers+w.Answers.Len(), questions+w.Questions.Len()
	}
	var parts []string
	for _, p := range []struct {
		n         int
		one, many string
	}{
		{youWon, "copy won by you", "copies won by you"},
		{news, "announcement", "announcements"},
		{yours, "reply to you", "replies to you"},
		{won, "winner", "winners"},
		{answers, "new answer", "new answers"},
		{questions, "new question", "new questions"},
	} {
		if p.n > 0 {
			parts = append(parts, plural(p.n, p.one, p.many))
		}
	}
	s := strings.Join(parts, ", ")
	if len(d.Weeks) == 1 {
		return oneLine(d.Weeks[0].Title) + ": " + s
	}
	return "Book of the week: " + s
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// heading is a section with its title.
type heading struct {
	Words string
	Section
}

// Sections returns the week's sections that have items, in their order.
func (w *Week) Sections() []heading {
	var out []heading
	for _, h := range []heading{
		{"You won a copy", w.YouWon},
		{"Announcement", w.News},
		{"Replies to you", w.Yours},
		{"Winners", w.Won},
		{"New answers", w.Answers},
		{"New questions", w.Questions},
	} {
		if len(h.Items) > 0 {
			out = append(out, h)
		}
	}
	return out
}

// Text renders the digest as plain text, in lines of at most 72 characters.
func (d *Digest) Text(until time.Time) string {
	var b strings.Builder
	b.WriteString("What is new, up to " + until.Format("Monday 2 January 2006") + "\n")
	for i := range d.Weeks {
		w := &d.Weeks[i]
		title := oneLine(w.Title)
		if w.Authors != "" {
			title += ", with " + oneLine(w.Authors)
		}
		b.WriteString("\n\n" + wrap(title, "", "") + strings.Repeat("=", min(72, len([]rune(title)))) + "\n")
		for _, s := range w.Sections() {
			b.WriteString("\n" + s.Words + "\n")
			for _, it := range s.Items {
				who := oneLine(it.Name)
				if it.Not != "" {
					who += " [" + it.Not + "]"
				}
				b.WriteString("\n" + wrap(who+": "+it.Text, "- ", "  "))
				if it.To != "" {
					b.WriteString(wrap("to: "+it.To, "  ", "      "))
				}
				if it.Link != "" {
					b.WriteString("  " + it.Link + "\n")
				}
			}
			if s.More > 0 {
				fmt.Fprintf(&b, "\n- and %d more\n", s.More)
			}
		}
	}
	if d.Empty() {
		b.WriteString("\nNothing is new.\n")
	}
	return b.String()
}

// wrap breaks a text between words into lines of at most 72 characters, each ended by \n. The first
// line begins with first, the others with next.
func wrap(s, first, next string) string {
	const width = 72
	var b strings.Builder
	line := first
	n := len([]rune(first))
	begun := false
	for word := range strings.FieldsSeq(s) {
		l := len([]rune(word))
		if begun && n+1+l > width {
			b.WriteString(line + "\n")
			line, n, begun = next, len([]rune(next)), false
		}
		if begun {
			line, n = line+" ", n+1
		}
		line, n, begun = line+word, n+l, true
	}
	return b.String() + line + "\n"
}

//go:embed digest.html
var files embed.FS

// HTML renders the digest as a page that fetches nothing. The page contains its style sheet, as mail
// programs need. Errors are those of the template.
func (d *Digest) HTML(until time.Time) (string, error) {
	var b strings.Builder
	// Mail programs do not know custom properties, so the page has the colours themselves.
	page, err := template.New("digest.html").Funcs(template.FuncMap{
		"light": func(name string) template.CSS { light, _ := style.Colour(name); return template.CSS(light) },
		"dark":  func(name string) template.CSS { _, dark := style.Colour(name); return template.CSS(dark) },
	}).ParseFS(files, "digest.html")
	if err != nil {
		return "", err
	}
	err = page.Execute(&b, struct {
		*Digest
		Until string
	}{d, until.Format("Monday 2 January 2006")})
	return b.String(), err
}
