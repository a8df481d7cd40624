package qa

import (
	"cmp"
	"strconv"
	"strings"

	"flyleaf/schema"
)

// otherFieldNames are the names of fields that are not in the document under this name.
var otherFieldNames = map[string]string{
	"at": "time", "relay": "relay's address", "club/links": "list of links", "label": "label of the invitation",
}

// FieldName returns the name of a field of FieldError for a person (schema.Row.Label), without an article: "title" for
// event/title. A field of an x is named by its key. A field that it does not know is
// returned without its path.
func FieldName(field string) string {
	if name := cmp.Or(schema.LabelOf(field), otherFieldNames[field]); name != "" {
		return name
	}
	if _, key, ok := strings.Cut(field, "/x/"); ok {
		return "extra field " + strconv.Quote(key)
	}
	return field[strings.LastIndexByte(field, '/')+1:]
}
