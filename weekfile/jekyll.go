package weekfile

// A Jekyll page of a week:
//
//	---
//	title: …                   event/title
//	description: …             x/jekyll.description
//	cover: …, image: …         x/jekyll.cover, x/jekyll.image
//	start: 2021-03-08 00:00:00 event/startsAt, UTC when no zone is given
//	end: 2021-03-12 22:59:58   event/endsAt
//	authors: [id or name, …]   event/authors by name, x/jekyll.authors as written; author
//	                           where there is no authors
//	published: false           Imported.Unpublished
//	render_with_liquid: false  the description is as it stands
//	links:                     event/links
//	- text: …
//	  link: …                  one page in the wild says list:
//	source: …                  event/source of a week that came from elsewhere
//	archive:                   the threads
//	- name: …
//	  text: …                  HTML entities are decoded once, in names too
//	  id: …                    names the message for ever (PublishedPost.ID)
//	  time: 2021-03-08 09:30:00
//	  url: …                   where WriteJekyll's page stood; nothing is read from it
//	  reactions: [{emoji: …, count: 2, by: [names]}]
//	  replies:
//	  - name: …
//	    text: …
//	    replies: …             deeper replies are read as what they are
//	---
//	the description            event/description, Markdown; Liquid is not run, but what
//	                           WriteJekyll escaped of it is read back
//
// Every other key is reported as skipped.

// Keys of event/x that hold what of a Jekyll page an event has no field for.
const (
	XDescription = "jekyll.description"
	XCover       = "jekyll.cover"
	XImage       = "jekyll.image"
	XStart       = "jekyll.start"   // as written, where FormatTime writes it otherwise
	XEnd         = "jekyll.end"     //
	XAuthors     = "jekyll.authors" // JSON of WrittenAuthors
	XLink        = "jekyll.link."   // + index: JSON of a link that an event's links cannot hold
)

// WrittenAuthors is how a page writes the authors that an event shows by name.
type WrittenAuthors struct {
	Shown   string   `json:"shown"`   // event/authors at the import
	Written []string `json:"written"` // person IDs and names
}
