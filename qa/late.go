package qa

import "flyleaf/schema"

// A change is late if the event is closed and the change is not in the past of the closing: its writer
// did not know that the event was closed, or wrote in spite of it. Package projection computes this
// for posts and revisions (Post.Late, Revision.Late); the clock does not matter.
//
// Anybody can write such changes at any time, by starting from a copy of the event before the closing.
// So a late post, or a late revision, is published only if its writer is trusted (schema.Trusted) or if
// a moderator approved the post. This file decides that for every reader.

// afterClosing reports whether a post is late, its writer not trusted, and the post not approved. Such
// a post is not published, and is sorted last.
func (e Event) afterClosing(p *Post) bool { return p.Late && e.unapproved(p) }

// editedAfterClosing reports whether the published text of a post is older than its last revision,
// because that revision is late.
func (e Event) editedAfterClosing(p *Post) bool {
	return !e.afterClosing(p) && e.PublishedText(p) != p.Text()
}

// PublishedText returns the published text of a post: the last revision; if the post is not approved
// and its writer not trusted, the last revision that is not late. A post without such a revision is
// not published at all (PostView.AfterClosing).
func (e Event) PublishedText(p *Post) string {
	if e.unapproved(p) {
		for i := len(p.Revisions) - 1; i >= 0; i-- {
			if r := &p.Revisions[i]; !r.Late {
				return r.Text
			}
		}
	}
	return p.Text()
}

// needsApproval reports whether a post waits for approval, in an event whose posts need it. Posts of
// trusted writers do not.
func (e Event) needsApproval(p *Post) bool { return e.Approve && e.unapproved(p) }

// unapproved reports whether the writer of a post is not trusted, and no moderator approved the post.
func (e Event) unapproved(p *Post) bool {
	return !p.Marks.Approved && !e.HoldsAny(p.By, schema.Trusted)
}

// WaitsForModerator reports whether the post is shown to moderators so that they approve or hide it:
// the post, or its last revision, is not published until then.
func (v *PostView) WaitsForModerator() bool {
	return v.Shown() && (v.NeedsApproval || v.AfterClosing || v.EditedAfterClosing)
}

// HasApproval reports whether approving the post makes a difference, or made one: the page then
// offers to approve it or to take the approval back.
func (v *PostView) HasApproval(e *Event) bool {
	return e.Approve || v.Late || v.EditedAfterClosing || v.Marks.Approved
}
