package webui

import (
	"html/template"
	"net/http"
	"slices"
	"strings"

	"flyleaf/markdown"
	"flyleaf/qa"
)

// mentionable are the people of a week by the key of a mention.
type mentionable struct {
	byKey map[string]qa.Identity
	named map[string]int            // how many people have a name, in lower case
	first map[qa.Identity]qa.PostID // the first post of each
}

// mentions returns the people whom texts of the week can mention: all that the week knows.
func (v *weekView) mentions() *mentionable {
	if v.mentioned != nil {
		return v.mentioned
	}
	m := &mentionable{byKey: map[string]qa.Identity{}, named: map[string]int{}, first: map[qa.Identity]qa.PostID{}}
	add := func(id qa.Identity) {
		key := markdown.MentionKey(string(id))
		if other, ok := m.byKey[key]; ok && other != id {
			id = "" // two people with one key: nobody knows who is meant
		}
		m.byKey[key] = id
	}
	for id, p := range v.People {
		add(id)
		m.named[strings.ToLower(p.Name)]++
	}
	for _, g := range v.Event.Roles {
		add(g.ID)
	}
	v.EachPost(func(p *qa.PostView) {
		add(p.By)
		if _, ok := m.first[p.By]; !ok && p.OnBehalfOf == "" && p.Shown() {
			m.first[p.By] = p.ID
		}
	})
	v.mentioned = m
	return m
}

// words renders a text of the week. Who is mentioned is shown by the name that the person has in the week now, whatever the
// text calls them, and with the short ID if others have the same name.
func (v *weekView) words(text string) template.HTML {
	return markdown.ReplaceMentions(markdown.PostHTML(text, v.formula), func(key, words string) template.HTML {
		m := v.mentions()
		id := m.byKey[key]
		if id == "" {
			return template.HTML("<bdi>" + words + "</bdi>") //nolint:gosec // words are HTML of package markdown
		}
		to := eventPath(v.Event.ID) + "/people"
		if post := m.first[id]; post != "" {
			to = v.linkTo(post).URL
		}
		name := v.PersonName(id)
		same := ""
		if v.People[id].Name != "" && m.named[strings.ToLower(name)] > 1 {
			same = ` <span class="hash">` + template.HTMLEscapeString(id.Short()) + `</span>`
		}
		return template.HTML(`<a class="mention" href="` + template.HTMLEscapeString(to) + `" title="` + template.HTMLEscapeString(id.Short()) + `">@<bdi>` + //nolint:gosec // escaped
			template.HTMLEscapeString(name) + `</bdi>` + same + `</a>`)
	})
}

// suggestedPerson is a person whom a box for words offers to mention.
type suggestedPerson struct {
	Name string `json:"name"`
	Note string `json:"note,omitempty"` // the role, and the short ID if others have the same name
	Text string `json:"text"`           // what is inserted
}

// maxSuggestedPeople is how many people are offered at once.
const maxSuggestedPeople = 8

// suggestPeople sends the people of the week with a word in their name that begins as typed.
func (s *server) suggestPeople(w http.ResponseWriter, r *http.Request) {
	v, ok := s.load(w, r)
	if !ok {
		return
	}
	typed := strings.ToLower(strings.Join(strings.Fields(r.URL.Query().Get("q")), " "))
	found, keys := map[string]suggestedPerson{}, []string(nil) // by a key that sorts
	m, blocked := v.mentions(), map[qa.Identity]bool{}
	for id := range qa.Blocks(s.log(r.Context(), v.Event.ID)) {
		blocked[id] = true
	}
	for id, p := range v.People {
		name := strings.ToLower(p.Name)
		if name == "" || blocked[id] || !strings.HasPrefix(name, typed) && !strings.Contains(name, " "+typed) {
			continue
		}
		one := suggestedPerson{Name: p.Name, Text: markdown.Mention(p.Name, string(id))}
		rank := "1"
		for _, role := range []qa.Role{qa.RoleAuthor, qa.RoleModerator, qa.RoleOrganiser} {
			if v.Event.HasRole(id, role) {
				one.Note, rank = string(role), "0"
				break
			}
		}
		if m.named[name] > 1 {
			one.Note = strings.TrimPrefix(one.Note+", "+id.Short(), ", ")
		}
		key := rank + name + string(id)
		found[key] = one
		keys = append(keys, key)
	}
	slices.Sort(keys)
	out := []suggestedPerson{}
	for _, key := range keys[:min(len(keys), maxSuggestedPeople)] {
		out = append(out, found[key])
	}
	writeJSON(w, http.StatusOK, map[string]any{"people": out})
}
