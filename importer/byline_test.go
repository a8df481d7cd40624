package importer

import (
	"slices"
	"testing"
)

func TestByline(t *testing.T) {
	for _, c := range []struct {
		in, title string
		names     []string
	}{
		{"*Design by Contract* by Ilse Marrow", "*Design by Contract*", []string{"Ilse Marrow"}},
		{"Design by Contract by Ilse Marrow", "Design by Contract", []string{"Ilse Marrow"}},
		{"“Stand by Me” by Ilse Marrow.", "“Stand by Me”", []string{"Ilse Marrow"}},
		{"Leaf by Leaf by Ilse", "Leaf by Leaf", []string{"Ilse"}},
		{"Learning by Doing: Ledgers by Ilse Marrow", "Learning by Doing: Ledgers", []string{"Ilse Marrow"}},
		{"Small Weather by S. K. Rao. It was named by Tino Quist", "Small Weather", []string{"S. K. Rao"}},
		{"Small Weather by S.K. Rao and Ilse Marrow, who live in Lund", "Small Weather", []string{"S.K. Rao", "Ilse Marrow"}},
		{"Small Weather by Rao S. K., Ilse M. Marrow & Orla van der Quist!", "Small Weather", []string{"Rao S. K.", "Ilse M. Marrow", "Orla van der Quist"}},
		{"Small Weather by Ilse Marrow, Jr. and Dr. Orla Quist (Acme)", "Small Weather", []string{"Ilse Marrow, Jr.", "Dr. Orla Quist"}},
		{"Small Weather by @Ilse Marrow is here", "Small Weather", []string{"Ilse Marrow"}},
		{"Small Weather by\u00a0Ilse\u00a0Marrow", "Small Weather", []string{"Ilse Marrow"}},
		{"静かな台帳 by 森 陽子", "静かな台帳", []string{"森 陽子"}},
		{"Small weather by ilse", "Small weather", nil},
		{"Small Weather, translated by Tino Quist, by Ilse Marrow", "Small Weather, translated by Tino Quist,", []string{"Ilse Marrow"}},
		{"“Trial by Ann Lee: Essays” by Ilse Marrow", "“Trial by Ann Lee: Essays”", []string{"Ilse Marrow"}},
		{"**It’s by Night by Day**, by Ilse Marrow", "**It’s by Night by Day**,", []string{"Ilse Marrow"}},
		{"Small Weather, written by Ilse Marrow", "Small Weather", []string{"Ilse Marrow"}},
		{"Small Weather by @orla.q and @mina", "Small Weather", []string{"orla.q", "mina"}},
		{"Small Weather by Tino Quist Jr. Ask away!", "Small Weather", []string{"Tino Quist Jr"}},
		{"By Night by Ilse Marrow", "By Night", []string{"Ilse Marrow"}},
	} {
		title, names, _, ok := SplitByline(c.in)
		if !ok || title != c.title || !slices.Equal(names, c.names) {
			t.Errorf("%q: %q by %q, want %q by %q", c.in, title, names, c.title, c.names)
		}
	}
	if _, _, _, ok := SplitByline("Small Weather"); ok {
		t.Error("a byline was found where there is none")
	}
}

func TestAuthorsInAList(t *testing.T) {
	for in, want := range map[string][]string{
		"S. K. Rao, Ilse Marrow and T. Quist": {"S. K. Rao", "Ilse Marrow", "T. Quist"},
		"Ilse Marrow, Jr., Orla Quist":        {"Ilse Marrow, Jr.", "Orla Quist"},
		"Ilse\u00a0Marrow\u00a0and\u202fOrla": {"Ilse Marrow", "Orla"},
		"Ilse Marrow et al.":                  {"Ilse Marrow"},
		"Ilse Marrow und Orla Quist":          {"Ilse Marrow", "Orla Quist"},
		"Andrea Quist, and Ilse Marrow":       {"Andrea Quist", "Ilse Marrow"},
	} {
		var got []string
		for _, a := range splitAuthors(in) {
			got = append(got, a.name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
		again := []string{}
		for _, a := range splitAuthors(joinAuthors(splitAuthors(in))) {
			again = append(again, a.name)
		}
		if !slices.Equal(again, want) {
			t.Errorf("%q, joined and read again: %q", in, again)
		}
	}
}
