package qa

import (
	"strconv"
	"strings"
)

// fieldNames are the names of FieldError.Field in a sentence for a person, without an article.
// Every field of the schema that holds a value, and every map, has one (schema.Row.Name).
var fieldNames = map[string]string{
	"kind": "kind of the event", "gate": "version of the rules", "access": "setting for who may take part",
	"event": "event", "club": "club", "weeks": "list of weeks", "people": "person", "roles": "role", "blocks": "block",
	"claims": "invitation", "post": "post", "winners": "choice of a winner", "draw": "draw", "contacts": "contact message",
	"blobs": "picture", "relays": "list of relays",

	"event/title": "title", "event/authors": "list of authors", "event/language": "language", "event/zone": "time zone",
	"event/description": "description", "event/source": "source of the import", "event/startsAt": "first day", "event/endsAt": "last day",
	"event/answersFrom": "time when the authors begin to answer", "event/answersUntil": "time when the last answers are due",
	"event/winnersAt": "time when the authors choose the winners", "event/prizes": "number of copies",
	"event/closed": "setting that closes the event", "event/approve": "setting that posts need approval", "event/movedTo": "event that this one moved to",
	"event/cover": "cover", "event/links": "list of links", "event/links/text": "text of a link", "event/links/url": "address of a link",
	"event/x": "list of extra fields", "event/x/subtitle": "subtitle",

	"club/title": "title", "club/about": "description", "club/language": "language", "club/x": "list of extra fields",

	"weeks/title": "title of a listed week", "weeks/authors": "authors' names of a listed week", "weeks/startsAt": "first day of a listed week",
	"weeks/endsAt": "last day of a listed week", "weeks/relay": "relay of a listed week",

	"people/name": "name", "people/about": "text about the person", "people/link": "person's link", "people/publishAs": "setting for the published name",

	"roles/organiser": "role of an organiser", "roles/author": "role of an author", "roles/moderator": "role of a moderator", "roles/member": "role of a member",
	"roles/invite-author": "invitation of an author", "roles/invite-moderator": "invitation of a moderator", "roles/invite-member": "invitation of a member",

	"post/text": "text", "post/parent": "post that is replied to", "post/at": "time of the post", "post/onBehalfOf": "name of the person asked for",
	"post/source": "source of the import", "post/origin": "post that is replaced", "post/as": "setting that an author speaks", "post/state": "withdrawal",
	"post/revisions": "list of revisions", "post/reactions": "reaction", "post/tags": "list of tags", "post/x": "list of extra fields",
	"post/marks": "mark", "post/marks/hidden": "reason for hiding", "post/marks/pinned": "pin", "post/marks/approved": "approval",
	"post/marks/duplicateOf": "original of a duplicate", "post/marks/answered": "mark as answered", "post/marks/assigned": "author that a question is assigned to",
	"post/marks/candidate": "candidate for a copy",

	"draw/commit": "hash of a draw's secret", "draw/reveal": "secret for the draw", "draw/rule": "rule of the draw",
}

// otherFieldNames are the names of fields that are not in the document under this name.
var otherFieldNames = map[string]string{
	"at": "time", "relay": "relay's address", "club/links": "list of links", "label": "label of the invitation",
}

// FieldName returns the name of a field of FieldError for a person, without an article: "title" for
// event/title. A field of an x is named by its key. A field that it does not know is
// returned without its path.
func FieldName(field string) string {
	for _, names := range []map[string]string{fieldNames, otherFieldNames} {
		if name, ok := names[field]; ok {
			return name
		}
	}
	if _, key, ok := strings.Cut(field, "/x/"); ok {
		return "extra field " + strconv.Quote(key)
	}
	return field[strings.LastIndexByte(field, '/')+1:]
}
