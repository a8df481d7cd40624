// Package style holds the style sheet that Flyleaf's pages and the published site share:
// colours, type, spacing, dark mode, and every rule that both of them need.
//
// It is one file, as it is sent: nothing builds it, and it fetches nothing.
package style

import _ "embed"

// Name is the file name under which style sheets refer to Sheet.
const Name = "flyleaf.css"

// Sheet is the style sheet. It must not be changed.
//
//go:embed flyleaf.css
var Sheet []byte
