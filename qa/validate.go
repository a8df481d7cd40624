package qa

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"flyleaf/schema"
)

// The roles that an invitation key may hold.
const (
	RoleInviteAuthor    Role = "invite-author"
	RoleInviteModerator Role = "invite-moderator"
	RoleInviteMember    Role = "invite-member"
)

// FieldType is the type of a field of `event`.
type FieldType uint8

// The types of fields: string, int64 (milliseconds), uint64 and bool.
const (
	FieldString FieldType = iota + 1
	FieldTime
	FieldUint
	FieldBool
)

// eventFields lists the scalar keys of `event`, each with its type and, for
// strings, its limit. Strings are lines, but for the description.
var eventFields = map[string]struct {
	kind  FieldType
	limit int
}{
	"title": {FieldString, schema.MaxShort}, "authors": {FieldString, schema.MaxShort},
	"language": {FieldString, schema.MaxShort}, "zone": {FieldString, schema.MaxShort},
	"description": {FieldString, schema.MaxDescription}, "source": {FieldString, schema.MaxShort},
	"movedTo": {FieldString, schema.MaxShort}, "cover": {FieldString, schema.MaxShort},
	"startsAt": {FieldTime, 0}, "endsAt": {FieldTime, 0}, "answersFrom": {FieldTime, 0},
	"answersUntil": {FieldTime, 0}, "winnersAt": {FieldTime, 0},
	"prizes": {FieldUint, 0}, "closed": {FieldBool, 0}, "approve": {FieldBool, 0},
}

// EventFieldType returns the type of a scalar key of `event`, and false for a
// key that `event` does not have.
func EventFieldType(key string) (FieldType, bool) {
	f, ok := eventFields[key]
	return f.kind, ok
}

// CheckEventField checks one key of `event` and its value, which is a string,
// int64, uint64 or bool as the key wants. A *FieldError is returned when it is
// refused.
func CheckEventField(key string, value any) error {
	f, ok := eventFields[key]
	name := "event/" + key
	if !ok {
		return bad(fmt.Sprintf("event/%.40q", key), "there is no such field")
	}
	switch v := value.(type) {
	case string:
		if f.kind != FieldString {
			return bad(name, "a text, another type is wanted")
		}
		form := checkLine
		if key == "description" {
			form = checkText
		}
		if err := form(name, v, f.limit); err != nil {
			return err
		}
		switch {
		case key == "movedTo" && v != "":
			if _, err := ParseEventID(v); err != nil {
				return &FieldError{Field: name, Err: fmt.Errorf("%w: %w", ErrBadValue, err)}
			}
		case key == "cover" && v != "" && (len(v) != 64 || !isLowerHex(v)):
			return bad(name, "not the SHA-256 of a blob")
		}
	case int64:
		if f.kind != FieldTime {
			return bad(name, "a time, another type is wanted")
		}
		return checkTime(name, v)
	case uint64:
		if f.kind != FieldUint {
			return bad(name, "a number, another type is wanted")
		}
		if v > schema.MaxInteger {
			return bad(name, "beyond 2^53")
		}
	case bool:
		if f.kind != FieldBool {
			return bad(name, "yes or no, another type is wanted")
		}
	default:
		return bad(name, "the type %T", value)
	}
	return nil
}

func checkTime(field string, ms int64) error {
	if ms > schema.MaxInteger || ms < -schema.MaxInteger {
		return bad(field, "a time beyond 2^53 ms")
	}
	return nil
}

// Fields returns the scalar fields of e that are set, by their key in `event`.
func (e *Event) Fields() map[string]any {
	out := map[string]any{}
	for key, s := range map[string]string{
		"title": e.Title, "authors": e.Authors, "language": e.Language, "zone": e.Zone, "description": e.Description,
		"source": e.Source, "movedTo": string(e.MovedTo), "cover": e.Cover,
	} {
		if s != "" {
			out[key] = s
		}
	}
	for key, ms := range map[string]int64{
		"startsAt": e.StartsAtMillis, "endsAt": e.EndsAtMillis, "answersFrom": e.AnswersFromMillis,
		"answersUntil": e.AnswersUntilMillis, "winnersAt": e.WinnersAtMillis,
	} {
		if ms != 0 {
			out[key] = ms
		}
	}
	if e.Prizes != 0 {
		out["prizes"] = e.Prizes
	}
	if e.Closed {
		out["closed"] = true
	}
	if e.Approve {
		out["approve"] = true
	}
	return out
}

// Validate checks an event that is to be founded. A *FieldError is returned when
// something in it is refused.
func (e *Event) Validate() error {
	if e.Kind != "" && e.Kind != "event" && e.Kind != "club" {
		return bad("kind", "%.20q, it is event or club", e.Kind)
	}
	if e.Access != "" && e.Access != "open" && e.Access != "invited" {
		return bad("access", "%.20q, it is open or invited", e.Access)
	}
	for key, v := range e.Fields() {
		if err := CheckEventField(key, v); err != nil {
			return err
		}
	}
	if err := checkLinks(e.Links); err != nil {
		return err
	}
	if err := checkRelays(e.Relays); err != nil {
		return err
	}
	if err := checkX("event/x", e.X); err != nil {
		return err
	}
	for _, g := range e.Roles {
		if err := checkGrant(g.ID, g.Role); err != nil {
			return err
		}
	}
	return e.CheckNew(nil)
}

func checkX(field string, x map[string]string) error {
	if err := checkCount(field, len(x), schema.MaxXKeys); err != nil {
		return err
	}
	for key, v := range x {
		if err := checkKey(field, key, schema.MaxXName); err != nil {
			return err
		}
		if err := checkText(field+"/"+key, v, schema.MaxXValue); err != nil {
			return err
		}
	}
	return nil
}

func checkLinks(links []Link) error {
	if err := checkCount("event/links", len(links), schema.MaxLinks); err != nil {
		return err
	}
	for _, l := range links {
		if err := checkLine("event/links/text", l.Text, schema.MaxShort); err != nil {
			return err
		}
		if err := checkLine("event/links/url", l.URL, schema.MaxShort); err != nil {
			return err
		}
	}
	return nil
}

func checkRelays(relays []string) error {
	if err := checkCount("relays", len(relays), schema.MaxRelays); err != nil {
		return err
	}
	for _, r := range relays {
		if r == "" {
			continue
		}
		if err := CheckRelay(r); err != nil {
			return err
		}
	}
	return nil
}

func checkGrant(id Identity, role Role) error {
	if err := checkNewIdentity("roles", id); err != nil {
		return err
	}
	switch role {
	case RoleOrganiser, RoleAuthor, RoleModerator, RoleMember, RoleInviteAuthor, RoleInviteModerator, RoleInviteMember:
		return nil
	}
	return bad("roles", "there is no role %.40q", string(role))
}

// checkKey checks a text that becomes a map key: Automerge has no empty keys.
func checkKey(field, key string, limit int) error {
	if key == "" {
		return &FieldError{Field: field, Err: ErrMissing}
	}
	return checkLine(field, key, limit)
}

// Validate checks what can be checked of a person without an event.
func (p *Person) Validate() error {
	if err := cmp.Or(
		checkLine("people/name", p.Name, schema.MaxName),
		checkText("people/about", p.About, schema.MaxAbout),
		checkLine("people/link", p.Link, schema.MaxPersonLink),
	); err != nil {
		return err
	}
	switch p.PublishAs {
	case "", "name", "initials", "none":
		return nil
	}
	return bad("people/publishAs", "%.20q, it is name, initials or none", p.PublishAs)
}

// JoinTags writes tags as the document holds them.
func JoinTags(tags []string) string { return strings.Join(tags, ", ") }

// SplitTags reads tags as the document holds them.
func SplitTags(s string) []string {
	var out []string
	for t := range strings.SplitSeq(s, ",") {
		if t = strings.TrimSpace(t); t != "" {
			out = append(out, t)
		}
	}
	return out
}

// Validate checks everything about an act that needs no document: its fields,
// their limits, its time. A *FieldError is returned when something is refused.
// What needs the document (does the post exist, is it one's own) is checked
// where the act becomes a change.
func (a *Act) Validate() error {
	if a.AtMillis <= 0 || a.AtMillis > schema.MaxInteger {
		return bad("at", "%d, it is milliseconds since 1970", a.AtMillis)
	}
	switch a.Kind {
	case ActFound:
		if a.Event == nil {
			return &FieldError{Field: "event", Err: ErrMissing}
		}
		return a.Event.Validate()
	case ActPost:
		return a.validatePost()
	case ActEdit:
		if err := checkPostID("post", a.Post); err != nil {
			return err
		}
		return checkText("post/text", a.Text, schema.MaxText)
	case ActWithdraw:
		return checkPostID("post", a.Post)
	case ActReact:
		if err := checkPostID("post", a.Post); err != nil {
			return err
		}
		return checkKey("post/reactions", a.Emoji, schema.MaxEmoji)
	case ActPerson:
		if a.Person == nil {
			return &FieldError{Field: "person", Err: ErrMissing}
		}
		for _, key := range a.Clear {
			if key != "about" && key != "link" {
				return bad("people", "%.40q is nothing that can be emptied", key)
			}
		}
		return a.Person.Validate()
	case ActEvent:
		for key, v := range a.Fields {
			if err := CheckEventField(key, v); err != nil {
				return err
			}
		}
		if err := checkLinks(a.Links); err != nil {
			return err
		}
		return checkRelays(a.Relays)
	case ActRole:
		return checkGrant(a.Identity, a.Role)
	case ActMark:
		return a.validateMark()
	case ActMerge:
		return nil
	case ActInvite, ActClaim, ActAdmit, ActBlock:
		return a.validateTrust()
	case ActWinner, ActDraw, ActContact, ActBlob, ActWeek:
		return a.validateWeek()
	}
	return bad("kind", "there is no act %.40q", string(a.Kind))
}

func checkPostID(field string, id PostID) error {
	if _, err := ParsePostID(string(id)); err != nil {
		return &FieldError{Field: field, Err: fmt.Errorf("%w: %w", ErrBadValue, err)}
	}
	return nil
}

func (a *Act) validatePost() error {
	if a.Parent != "" {
		if err := checkPostID("post/parent", a.Parent); err != nil {
			return err
		}
	}
	if a.Origin != "" {
		if err := checkPostID("post/origin", a.Origin); err != nil {
			return err
		}
	}
	if a.Anonymous && (a.OnBehalfOf != "" || a.AsAuthor) {
		return bad("post", "what is said anonymously is said for nobody else")
	}
	if err := checkX("post/x", a.X); err != nil {
		return err
	}
	for _, t := range a.Tags {
		if strings.Contains(t, ",") {
			return bad("post/tags", "a tag with a comma in it")
		}
	}
	return cmp.Or(
		checkText("post/text", a.Text, schema.MaxText),
		checkLine("post/onBehalfOf", a.OnBehalfOf, schema.MaxName),
		checkLine("post/source", a.Source, schema.MaxShort),
		checkLine("post/tags", JoinTags(a.Tags), schema.MaxTags),
	)
}

// validateTrust checks the acts about who may do what.
func (a *Act) validateTrust() error {
	if a.Kind == ActBlock {
		if err := checkIdentity("blocks", a.Identity); err != nil {
			return err
		}
		return checkText("blocks", a.Text, schema.MaxReason)
	}
	field := "roles"
	if a.Kind == ActClaim {
		field = "claims"
	}
	if err := checkNewIdentity(field, a.Identity); err != nil {
		return err
	}
	switch a.Kind {
	case ActClaim:
		if err := checkNewIdentity("claims", a.Successor); err != nil {
			return err
		}
		if a.Successor == a.Identity {
			return bad("claims", "an invitation cannot take its own place")
		}
		return nil
	case ActAdmit:
		if err := checkIdentity("roles", a.Invite); err != nil {
			return err
		}
		if a.Invite == a.Identity {
			return bad("roles", "an invitation cannot take its own place")
		}
	}
	if _, ok := a.Role.InvitedAs(); !ok {
		return bad("roles", "nobody is invited as %.40q; it is author, moderator or member", string(a.Role))
	}
	return nil
}

// validateWeek checks the acts of a week's end, and of a club.
func (a *Act) validateWeek() error {
	switch a.Kind {
	case ActWinner:
		if err := checkPostID("winners", a.Post); err != nil {
			return err
		}
		return checkLine("winners", a.Text, schema.MaxShort)
	case ActContact:
		return checkBytes("contacts", a.Bytes, 0, schema.MaxContact)
	case ActBlob:
		return checkBytes("blobs", a.Bytes, 1, schema.MaxBlob)
	case ActDraw:
		switch a.Mark {
		case "commit", "reveal":
			return checkBytes("draw/"+a.Mark, a.Bytes, 1, schema.MaxDraw)
		case "rule":
			return checkText("draw/rule", a.Text, schema.MaxAbout)
		}
		return bad("draw", "there is no %.40q; it is commit, reveal or rule", a.Mark)
	}
	if a.Event == nil {
		return &FieldError{Field: "weeks", Err: ErrMissing}
	}
	e := a.Event
	if _, err := ParseEventID(string(e.ID)); err != nil {
		return &FieldError{Field: "weeks", Err: fmt.Errorf("%w: %w", ErrBadValue, err)}
	}
	for field, s := range map[string]string{"weeks/title": e.Title, "weeks/authors": e.Authors} {
		if err := checkLine(field, s, schema.MaxShort); err != nil {
			return err
		}
	}
	for field, ms := range map[string]int64{"weeks/startsAt": e.StartsAtMillis, "weeks/endsAt": e.EndsAtMillis} {
		if err := checkTime(field, ms); err != nil {
			return err
		}
	}
	return checkRelays(e.Relays)
}

func checkIdentity(field string, id Identity) error {
	if _, err := ParseIdentity(string(id)); err != nil {
		return &FieldError{Field: field, Err: fmt.Errorf("%w: %w", ErrBadValue, err)}
	}
	return nil
}

// checkNewIdentity is checkIdentity for somebody who is to be given something.
func checkNewIdentity(field string, id Identity) error {
	if err := checkIdentity(field, id); err != nil {
		return err
	}
	if !id.Sound() {
		return bad(field, "%.8s… is nobody's key: a signature for it can be made by anybody", string(id))
	}
	return nil
}

func checkBytes(field string, b []byte, least, limit int) error {
	if len(b) < least {
		return &FieldError{Field: field, Err: ErrMissing}
	}
	if len(b) > limit {
		return &FieldError{Field: field, Got: len(b), Max: limit, Err: ErrTooLong}
	}
	return nil
}

func (a *Act) validateMark() error {
	if err := checkPostID("post", a.Post); err != nil {
		return err
	}
	switch a.Mark {
	case "answered", "pinned", "approved":
		return nil
	case "hidden":
		return checkText("post/marks/hidden", a.Text, schema.MaxReason)
	case "duplicateOf":
		if a.Text == "" {
			return nil
		}
		return checkPostID("post/marks/duplicateOf", PostID(a.Text))
	case "assigned", "candidate":
		return checkIdentity("post/marks/"+a.Mark, a.Identity)
	}
	return bad("post/marks", "there is no mark %.40q", a.Mark)
}

// UnmarshalJSON reads an act and gives its Fields the types that their keys want,
// which JSON alone does not say.
func (a *Act) UnmarshalJSON(b []byte) error {
	type plain Act
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var p plain
	if err := d.Decode(&p); err != nil {
		return fmt.Errorf("read an act: %w", err)
	}
	for key, v := range p.Fields {
		n, ok := v.(json.Number)
		if !ok {
			continue
		}
		i, err := n.Int64()
		if err != nil {
			return fmt.Errorf("read an act: field %.40q: %w", key, err)
		}
		p.Fields[key] = i
		if kind, _ := EventFieldType(key); kind == FieldUint && i >= 0 {
			p.Fields[key] = uint64(i)
		}
	}
	*a = Act(p)
	return nil
}
