package policy_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"flyleaf/crdt/policy"
)

// TestDesignNamesEveryCode: each rule has a code, each code of a refusal has a rule, and the
// rules are numbered without gaps.
func TestDesignNamesEveryCode(t *testing.T) {
	text, err := os.ReadFile("DESIGN.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("codes.go")
	if err != nil {
		t.Fatal(err)
	}
	rules := map[string]bool{}
	n := 0
	for _, m := range regexp.MustCompile("\\*\\*R(\\d+) `([a-z-]+)`\\*\\*").FindAllStringSubmatch(string(text), -1) {
		n++
		if m[1] != strings.TrimLeft(m[1], "0") || rules[m[2]] {
			t.Errorf("rule R%s repeats %s", m[1], m[2])
		}
		if want := strings.Count(string(text[:strings.Index(string(text), m[0])]), "**R"); want+1 != n {
			t.Errorf("R%s is rule number %d", m[1], want+1)
		}
		rules[m[2]] = true
	}
	codes := 0
	for _, m := range regexp.MustCompile(`Code\w+ +Code = "([a-z-]+)"`).FindAllStringSubmatch(string(source), -1) {
		if policy.Code(m[1]).Deferred() {
			continue
		}
		codes++
		if !rules[m[1]] {
			t.Errorf("no rule has the code %s", m[1])
		}
	}
	if codes != len(rules) || codes < 20 {
		t.Errorf("%d rules, %d codes", len(rules), codes)
	}
}
