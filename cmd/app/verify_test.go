package main

import (
	"strings"
	"testing"

	"flyleaf/qa"
)

// TestVerifyNamesWhoGaveARole: who gave a role is named, also if they have not changed the post.
func TestVerifyNamesWhoGaveARole(t *testing.T) {
	var out strings.Builder
	a := &app{std: streams{out: &out}}
	robin, ilse := qa.Identity(strings.Repeat("a", 64)), qa.Identity(strings.Repeat("b", 64))
	given := qa.RoleGrant{GrantedBy: robin, GrantedIn: "01"}
	all := qa.Verification{
		People: []qa.VerifiedPerson{{ID: robin, Name: "Robin Reader"}, {ID: ilse, Name: "Ilse Marrow", Author: &given}},
		Changes: []qa.VerifiedChange{
			{Hash: "01", By: robin, Signed: true, What: "made bbbbbbbb an author"},
			{Hash: "02", By: ilse, Signed: true, What: "replied", Posts: []qa.PostID{"p"}, Author: &given},
		},
	}
	v := all.ForPost("p")
	a.printVerification(&v, namesOf(all.People), true)
	for _, want := range []string{"role given by aaaaaaaa “Robin Reader”", "bbbbbbbb “Ilse Marrow”"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
