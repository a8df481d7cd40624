package qa

import (
	"slices"

	"flyleaf/schema"
)

// A change is late if the event is closed and the change is not in the past of the closing: its writer
// did not know that the event was closed, or wrote in spite of it. Package projection computes this
// for posts and revisions (Post.Late, Revision.Late); the clock does not matter.
//
// Anybody can write such changes at any time, by starting from a copy of the event before the closing.
// So a late post, or a late revision, is published only if its writer is trusted (schema.Trusted) or if
// a moderator approved the post. This file decides that for every reader.
//
// In the same way, if an organiser turned approval on (Event.Approve), posts and revisions that are not in
// the past of that change need it (Post.AfterApproval, Revision.AfterApproval). What was there before stays as
// it is. Until a moderator approves it, such a post, or the new text of an edited post, is shown only to its
// writer and to moderators (Week.VisibleTo).

// afterClosing reports whether a post is late, its writer not trusted, and the post not approved. Such
// a post is not published, and is sorted last.
func (e Event) afterClosing(p *Post) bool { return p.Late && e.unapproved(p) }

// needsApproval reports whether a post waits for approval, because of Event.Approve.
func (e Event) needsApproval(p *Post) bool { return p.AfterApproval && e.unapproved(p) }

// editedAfterClosing reports whether the published text of a post is older than its last revision,
// because that revision is late.
func (e Event) editedAfterClosing(p *Post) bool {
	n := len(p.Revisions)
	return n > 0 && p.Revisions[n-1].Late && !e.afterClosing(p) && e.PublishedText(p) != p.Text()
}

// editNeedsApproval reports whether a post does not wait for approval, but one of its later revisions does.
func (e Event) editNeedsApproval(p *Post) bool {
	return !p.AfterApproval && e.unapproved(p) && slices.ContainsFunc(p.Revisions, func(r Revision) bool { return r.AfterApproval })
}

// PublishedText returns the published text of a post: the last of PublishedTexts. If there is none, the post is not
// published at all (Event.Published).
func (e Event) PublishedText(p *Post) string {
	if texts := e.PublishedTexts(p); len(texts) > 0 {
		return texts[len(texts)-1]
	}
	return p.Text()
}

// PublishedTexts returns the texts of a post that are published: one, or several if the post was edited on several
// devices at once and nobody has chosen one. If the post is not approved and its writer not trusted, revisions that are
// late or need approval are left out.
func (e Event) PublishedTexts(p *Post) (texts []string) {
	unapproved := e.unapproved(p)
	for i := len(p.Revisions) - 1; i >= 0; i-- {
		r := &p.Revisions[i]
		// What supersedes the last revision that may be published may not be published.
		if unapproved && (r.Late || r.AfterApproval) || r.Superseded && len(texts) > 0 || slices.Contains(texts, r.Text) {
			continue
		}
		texts = append(texts, r.Text)
	}
	slices.Reverse(texts)
	return texts
}

// unapproved reports whether the writer of a post is not trusted, and no moderator approved the post.
func (e Event) unapproved(p *Post) bool {
	return !p.Marks.Approved && !e.HoldsAny(p.By, schema.Trusted)
}

// WaitsForModerator reports whether the post is shown to moderators so that they approve or hide it:
// the post, or its last revision, is not published until then.
func (v *PostView) WaitsForModerator() bool {
	return v.Shown() && (v.NeedsApproval || v.AfterClosing || v.EditedAfterClosing || v.EditNeedsApproval)
}

// HasApproval reports whether approving the post makes a difference, or made one: the page then
// offers to approve it or to take the approval back. Nobody approves a post that is hidden: it is shown again first.
func (v *PostView) HasApproval() bool {
	if v.Withdrawn || v.Marks.Hidden != "" || v.Void {
		return false
	}
	return v.AfterApproval || v.Late || v.EditedAfterClosing || v.EditNeedsApproval || v.Marks.Approved
}
