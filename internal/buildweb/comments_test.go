package main

import "testing"

func TestCommentsAreDropped(t *testing.T) {
	for _, c := range []struct{ ext, text, want string }{
		{".js", "// one\nlet a = 'http://x'; // kept\n\t// two\nlet b = `\n  // text\n`;\n  // three\n  f();\n", "let a = 'http://x'; // kept\nlet b = `\n  // text\n`;\nf();\n"},
		{".html", "<p>\n  {{.A}}\n</p>\n", "<p>\n{{.A}}\n</p>\n"},
		{".css", "/* one\n   line */\na { b: c } /* kept */\n  /* two */\n  d { content: '/*' }\n", "a { b: c } /* kept */\nd { content: '/*' }\n"},
	} {
		if got := withoutComments(c.ext, c.text); got != c.want {
			t.Errorf("%s: %q, want %q", c.ext, got, c.want)
		}
	}
}

// TestTheFilesOfPagesHaveNoComments: the files are where dropComments looks for them.
func TestTheFilesOfPagesHaveNoComments(t *testing.T) {
	t.Chdir("../..")
	replace := map[string]string{}
	if err := dropComments(replace, t.TempDir()); err != nil || len(replace) < 30 {
		t.Errorf("%d files, %v", len(replace), err)
	}
}
