package weekfile

// A Jekyll page of a week:
//
//	---
//	title: …                   event/title
//	subtitle: …                event/x/subtitle
//	description: …             x/jekyll.description
//	cover: …, image: …         x/jekyll.cover, x/jekyll.image
//	start: 2021-03-08 00:00:00 event/startsAt, UTC when no zone is given
//	end: 2021-03-12 22:59:58   event/endsAt
//	authors: [id or name, …]   event/authors by name, x/jekyll.authors as written; author
//	                           if `authors` is missing
//	published: false           Imported.Unpublished
//	render_with_liquid: false  the description is not processed by Liquid
//	links:                     event/links
//	- text: …
//	  link: …                  some existing pages have list: instead
//	source: …                  event/source of a week that came from elsewhere
//	archive:                   the threads
//	- name: …
//	  text: …                  HTML entities are decoded once, in names too
//	  id: …                    identifies the message permanently (PublishedPost.ID)
//	  time: 2021-03-08 09:30:00
//	  url: …                   address of the message on the published page; ignored when reading
//	  reactions: [{emoji: …, count: 2, by: [names]}]
//	  replies:
//	  - name: …
//	    text: …
//	    replies: …             nested replies keep their depth
//	---
//	the description            event/description, Markdown; not processed by Liquid, except
//	                           that WriteJekyll's escapes are undone
//
// All other keys are reported as skipped.

// Keys of Event.X for Jekyll fields that have no field in an event.
const (
	XDescription = "jekyll.description"
	XCover       = "jekyll.cover"
	XImage       = "jekyll.image"
	XStart       = "jekyll.start"   // as written, if different from FormatTime
	XEnd         = "jekyll.end"     // as written, if different from FormatTime
	XAuthors     = "jekyll.authors" // JSON of WrittenAuthors
	XLink        = "jekyll.link."   // + index: JSON of a link that does not fit into an event's links
)

// WrittenAuthors records how a page wrote its authors, which an event shows by name.
type WrittenAuthors struct {
	Shown   string   `json:"shown"`   // event/authors at the import
	Written []string `json:"written"` // person IDs and names
}
