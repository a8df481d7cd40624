package qa

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"flyleaf/schema"
)

// The roles of invitation keys.
const (
	RoleInviteAuthor    Role = schema.KeyInviteAuthor
	RoleInviteModerator Role = schema.KeyInviteModerator
	RoleInviteMember    Role = schema.KeyInviteMember
)

// EventField returns the schema's row of a field of Event, nil for a field that is not a single value in
// the document.
func EventField(field string) *schema.Row { return schema.FieldOf(schema.KindEvent, field) }

// CheckEventField checks the value of an event's field: a string, int64, uint64 or bool, as the schema
// requires. A *FieldError is returned when it is refused.
func CheckEventField(field string, value any) error {
	r := EventField(field)
	if r == nil {
		return bad(schema.KeyEvent, "there is no field %.40q", field)
	}
	return checkValue(r, value)
}

// checkValue checks a value against its row of the schema. A *FieldError is returned when it is refused.
func checkValue(r *schema.Row, value any) error { return checkValueAs(r.Name, r, value) }

// checkValueAs is checkValue with another field in the error.
func checkValueAs(field string, r *schema.Row, value any) error {
	wrong := CheckValue(r, value)
	if wrong == nil {
		return nil
	}
	switch wrong.Reason {
	case WrongType:
		return bad(field, "it must be %s", typeWords(r.Type))
	case TooLong:
		return &FieldError{Field: field, Got: wrong.Size, Max: r.Max, Err: ErrTooLong}
	case OutOfRange:
		return bad(field, "%v is not between -2^53 and 2^53", value)
	case WrongForm:
		return &FieldError{Field: field, Err: fmt.Errorf("%w: %w", ErrBadValue, wrong.Err)}
	}
	return &FieldError{Field: field, Err: wrong.Err}
}

func typeWords(t schema.Type) string {
	switch t {
	case schema.Time:
		return "a time"
	case schema.Number:
		return "a number"
	case schema.Flag:
		return "true or false"
	case schema.Bytes:
		return "bytes"
	}
	return "a text"
}

// Validate checks a new event. A *FieldError is returned when something in it is refused.
func (e *Event) Validate() error {
	for _, key := range []string{schema.KeyKind, schema.KeyAccess} {
		if v := Field(e, key); v != "" {
			if err := checkValue(schema.MapRoot.Row(key), v); err != nil {
				return err
			}
		}
	}
	for _, r := range schema.Fields(schema.KindEvent) {
		if err := checkValue(r, Field(e, r.Field)); err != nil {
			return err
		}
	}
	if err := checkLinks(e.Links); err != nil {
		return err
	}
	if err := checkRelays(e.Relays); err != nil {
		return err
	}
	if err := checkX(e.xMap(), e.X, e.countFieldsInX()); err != nil {
		return err
	}
	for _, g := range e.Roles {
		if err := checkGrant(g.ID, g.Role); err != nil {
			return err
		}
	}
	return e.CheckNew(nil)
}

// checkX checks the keys and values of an x. fields is the number of set fields that the document stores
// in the same x; they count towards the limit.
func checkX(in schema.Map, x map[string]string, fields int) error {
	keyed := in.Keyed()
	if err := checkCount(keyed.Name, len(x)+fields, keyed.MaxKeys); err != nil {
		return err
	}
	for key, v := range x {
		if in.IsField(key) {
			return bad(keyed.Name+"/"+key, "the event has a field with this name")
		}
		if err := checkKey(keyed, key); err != nil {
			return err
		}
		if err := checkValueAs(keyed.Name+"/"+key, keyed, v); err != nil {
			return err
		}
	}
	return nil
}

func checkLinks(links []Link) error {
	if err := checkCount(schema.MapLinks.Keyed().Name, len(links), schema.MaxLinks); err != nil {
		return err
	}
	for i := range links {
		for _, r := range schema.MapLink.Values() {
			if err := checkValue(r, Field(&links[i], r.Field)); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkRelays(relays []string) error {
	if err := checkCount(schema.MapRelays.Keyed().Name, len(relays), schema.MaxRelays); err != nil {
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
	if err := checkNewIdentity(schema.KeyRoles, id); err != nil {
		return err
	}
	if schema.MapRolesOf.Row(string(role)) == nil {
		return bad(schema.KeyRoles, "there is no role %.40q", string(role))
	}
	return nil
}

// checkKey checks a text that becomes a map key. Automerge has no empty keys.
func checkKey(keyed *schema.Row, key string) error {
	if key == "" {
		return &FieldError{Field: keyed.Name, Err: ErrMissing}
	}
	if !ValidKey(keyed, key) {
		return &FieldError{Field: keyed.Name, Got: len(key), Max: schema.MaxKey(keyed.Keys), Err: ErrTooLong}
	}
	if err := CheckLine(key); err != nil {
		return &FieldError{Field: keyed.Name, Err: err}
	}
	return nil
}

// Validate checks what can be checked about a person without the event.
func (p *Person) Validate() error {
	for _, r := range schema.MapPerson.Values() {
		v := Field(p, r.Field)
		if v == "" { // not said
			continue
		}
		if err := checkValue(r, v); err != nil {
			return err
		}
	}
	return nil
}

// MayBeCleared reports whether a field of a profile may be emptied. Names and choices are only replaced.
func MayBeCleared(r *schema.Row) bool { return r.Type != schema.Word && r.Key != schema.KeyName }

// JoinTags returns the form of tags in the document.
func JoinTags(tags []string) string { return strings.Join(tags, ", ") }

// SplitTags reads tags from their form in the document.
func SplitTags(s string) []string {
	var out []string
	for t := range strings.SplitSeq(s, ",") {
		if t = strings.TrimSpace(t); t != "" {
			out = append(out, t)
		}
	}
	return out
}

// Validate checks everything about an act that needs no document: its fields, their limits, its time. A
// *FieldError is returned when something is refused. The rest (does the post exist, is it the writer's
// own) is checked when the act becomes a change.
func (a *Act) Validate() error {
	if a.AtMillis <= 0 || a.AtMillis > schema.MaxInteger {
		return bad(schema.KeyAt, "%d is not a time in milliseconds since 1970", a.AtMillis)
	}
	switch a.Kind {
	case ActCreate:
		if a.Event == nil {
			return &FieldError{Field: schema.KeyEvent, Err: ErrMissing}
		}
		return a.Event.Validate()
	case ActPost:
		return a.validatePost()
	case ActEdit:
		if err := checkPostID("post", a.Post); err != nil {
			return err
		}
		return checkValue(schema.MapRevisions.Keyed(), a.Text)
	case ActWithdraw:
		return checkPostID("post", a.Post)
	case ActExtra:
		if err := checkPostID("post", a.Post); err != nil {
			return err
		}
		if len(a.X) == 0 {
			return &FieldError{Field: schema.KeyX, Err: ErrMissing}
		}
		return checkX(schema.MapPostX, a.X, 0)
	case ActReact:
		if err := checkPostID("post", a.Post); err != nil {
			return err
		}
		return checkKey(schema.MapReactionsOf.Keyed(), a.Emoji)
	case ActPerson:
		if a.Person == nil {
			return &FieldError{Field: schema.KeyPeople, Err: ErrMissing}
		}
		for _, key := range a.Clear {
			if r := schema.MapPerson.Row(key); r == nil || !MayBeCleared(r) {
				return bad(schema.KeyPeople, "%q cannot be cleared", key)
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
		return a.validateRoleAct()
	case ActWinner, ActDraw, ActContact, ActBlob, ActWeek:
		return a.validateWeekAct()
	}
	return bad("kind", "there is no act %.40q", string(a.Kind))
}

func checkPostID(field string, id PostID) error {
	if _, err := ParsePostID(string(id)); err != nil {
		return &FieldError{Field: field, Err: fmt.Errorf("%w: %w", ErrBadValue, err)}
	}
	return nil
}

// PostValue returns what a new post has at a key of its map: a string or int64, as the schema requires.
// The zero value of the type stands for nothing.
func (a *Act) PostValue(key string) any {
	switch key {
	case schema.KeyParent:
		return string(a.Parent)
	case schema.KeyAt:
		return a.AtMillis
	case schema.KeyOnBehalfOf:
		return a.OnBehalfOf
	case schema.KeySource:
		return a.Source
	case schema.KeyOrigin:
		return string(a.Origin)
	case schema.KeyTags:
		return JoinTags(a.Tags)
	case schema.KeyAs:
		if a.AsAuthor {
			return schema.AsAuthor
		}
	}
	return "" // a new post is not withdrawn
}

func (a *Act) validatePost() error {
	if a.Anonymous && (a.OnBehalfOf != "" || a.AsAuthor) {
		return bad("post", "an anonymous post cannot be on behalf of somebody else")
	}
	if err := checkX(schema.MapPostX, a.X, 0); err != nil {
		return err
	}
	for _, t := range a.Tags {
		if strings.Contains(t, ",") {
			return bad(schema.MapPost.Row(schema.KeyTags).Name, "a tag cannot contain a comma")
		}
	}
	if err := checkValue(schema.MapRevisions.Keyed(), a.Text); err != nil {
		return err
	}
	for _, r := range schema.MapPost.Values() {
		v := a.PostValue(r.Key)
		if v == Zero(r.Type) {
			continue
		}
		if err := checkValue(r, v); err != nil {
			return err
		}
	}
	return nil
}

// validateRoleAct checks acts about roles, invitations and blocks.
func (a *Act) validateRoleAct() error {
	if a.Kind == ActBlock {
		if err := checkIdentity(schema.KeyBlocks, a.Identity); err != nil {
			return err
		}
		return checkValue(schema.MapBlocks.Keyed(), a.Text)
	}
	field := schema.KeyRoles
	if a.Kind == ActClaim {
		field = schema.KeyClaims
	}
	if err := checkNewIdentity(field, a.Identity); err != nil {
		return err
	}
	switch a.Kind {
	case ActClaim:
		if err := checkNewIdentity(schema.KeyClaims, a.Successor); err != nil {
			return err
		}
		if a.Successor == a.Identity {
			return bad(schema.KeyClaims, "the invitation key cannot claim its own invitation")
		}
		return nil
	case ActAdmit:
		if err := checkIdentity(schema.KeyRoles, a.Invite); err != nil {
			return err
		}
		if a.Invite == a.Identity {
			return bad(schema.KeyRoles, "an invitation cannot grant the role to its own key")
		}
	}
	if _, ok := a.Role.InvitedAs(); !ok {
		return bad(schema.KeyRoles, "no invitation can grant %q; choose author, moderator or member", string(a.Role))
	}
	return nil
}

// validateWeekAct checks the acts at the end of a week, and of a club.
func (a *Act) validateWeekAct() error {
	switch a.Kind {
	case ActWinner:
		if err := checkPostID(schema.KeyWinners, a.Post); err != nil {
			return err
		}
		return checkValue(schema.MapWinnersOf.Keyed(), a.Text)
	case ActContact:
		return checkValue(schema.MapContacts.Keyed(), a.Bytes)
	case ActBlob:
		return checkNonEmpty(schema.MapBlobs.Keyed(), a.Bytes)
	case ActDraw:
		switch a.Mark {
		case schema.KeyCommit:
			return checkNonEmpty(schema.MapCommit.Keyed(), a.Bytes)
		case schema.KeyReveal:
			return checkNonEmpty(schema.MapReveal.Keyed(), a.Bytes)
		case schema.KeyRule:
			return checkValue(schema.MapDraw.Row(schema.KeyRule), a.Text)
		}
		return bad(schema.KeyDraw, "there is no %.40q; it is commit, reveal or rule", a.Mark)
	}
	if a.Event == nil {
		return &FieldError{Field: schema.KeyWeeks, Err: ErrMissing}
	}
	e := a.Event
	if _, err := ParseEventID(string(e.ID)); err != nil {
		return &FieldError{Field: schema.KeyWeeks, Err: fmt.Errorf("%w: %w", ErrBadValue, err)}
	}
	for _, r := range schema.MapWeek.Values() {
		if r.Key == schema.KeyRelay {
			continue // the first of e.Relays
		}
		if err := checkValue(r, Field(e, r.Field)); err != nil {
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

// checkNewIdentity is checkIdentity for a person who gets a role. It also refuses weak keys.
func checkNewIdentity(field string, id Identity) error {
	if err := checkIdentity(field, id); err != nil {
		return err
	}
	if !id.HasStrongKey() {
		return bad(field, "%.8s… is a weak key: anyone can forge its signatures", string(id))
	}
	return nil
}

// checkNonEmpty is checkValue for bytes that must not be empty.
func checkNonEmpty(r *schema.Row, b []byte) error {
	if len(b) == 0 {
		return &FieldError{Field: r.Name, Err: ErrMissing}
	}
	return checkValue(r, b)
}

func (a *Act) validateMark() error {
	if err := checkPostID("post", a.Post); err != nil {
		return err
	}
	r := schema.MapMarks.Row(a.Mark)
	switch {
	case r == nil:
		return bad(schema.MapPost.Row(schema.KeyMarks).Name, "there is no mark %.40q", a.Mark)
	case r.Map != schema.NoMap:
		return checkIdentity(r.Name, a.Identity)
	case r.Type.IsString():
		return checkValue(r, a.Text)
	}
	return nil
}

// UnmarshalJSON reads an act. It gives its Fields the types of the schema, which JSON does not
// distinguish.
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
		if r := EventField(key); r != nil && r.Type == schema.Number && i >= 0 {
			p.Fields[key] = uint64(i)
		}
	}
	*a = Act(p)
	return nil
}
