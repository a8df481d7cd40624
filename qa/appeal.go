package qa

// The keys of a post's x with which the writer of a hidden post answers the reason. Programs of earlier versions keep
// and ignore them.
const (
	XAppeal   = "appeal"   // the answer
	XAppealTo = "appealTo" // the reason that it answers, as it was written
)

// Appeal returns what the writer of a hidden post answers to the reason for which it is hidden now; "" for nothing. An
// answer to another reason does not count: the moderator has decided again since.
func (p *Post) Appeal() string {
	if p.Marks.Hidden == "" || p.X[XAppealTo] != p.Marks.Hidden {
		return ""
	}
	return p.X[XAppeal]
}

// AppealAct returns the act with which the writer of a hidden post answers the reason.
func (p *Post) AppealAct(text string) Act {
	return Act{Kind: ActExtra, Post: p.ID, X: map[string]string{XAppeal: text, XAppealTo: p.Marks.Hidden}}
}
