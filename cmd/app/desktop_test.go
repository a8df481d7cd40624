package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"flyleaf/webui"
)

func TestDesktopEntry(t *testing.T) {
	const golden = `[Desktop Entry]
Type=Application
Version=1.0
Name=Flyleaf
Comment=Questions and answers for a book of the week
Exec=/usr/local/bin/flyleaf desktop -- %u
Icon=flyleaf
Terminal=false
Categories=Education;Literature;
MimeType=x-scheme-handler/flyleaf;
StartupWMClass=flyleaf
`
	got, err := desktopEntry([]string{"/usr/local/bin/flyleaf", "desktop", "--"})
	if err != nil || got != golden {
		t.Errorf("%v\n%s", err, got)
	}
	// The examples follow the section "The Exec key": escaped in quotes first, then as a value.
	for path, exec := range map[string]string{
		"/opt/my apps/flyleaf": `"/opt/my apps/flyleaf"`,
		"/opt/50%u/flyleaf":    `/opt/50%%u/flyleaf`,
		`/opt/a"b$c/fly`:       `"/opt/a\\"b\\$c/fly"`,
		"/opt/`id`/fly":        "\"/opt/\\\\`id\\\\`/fly\"",
		`/opt/a\b/fly`:         `"/opt/a\\\\b/fly"`,
		"/opt/a\nExec=sh/fly":  "",
		"/opt/a\nb/fly":        `"/opt/a\nb/fly"`,
		"/opt/Fête/fly":        "/opt/Fête/fly",
	} {
		got, err := desktopEntry([]string{path, "desktop", "--"})
		if exec == "" {
			if err == nil || !strings.Contains(err.Error(), "nothing was written") {
				t.Errorf("%q: %v\n%s", path, err, got)
			}
			continue
		}
		if err != nil || !strings.Contains(got, "\nExec="+exec+" desktop -- %u\n") || strings.Count(got, "\n") != strings.Count(golden, "\n") {
			t.Errorf("%q: %v\n%s", path, err, got)
		}
	}
}

// The tool of freedesktop.org finds no fault with the entries.
func TestDesktopEntryIsValid(t *testing.T) {
	tool, err := exec.LookPath("desktop-file-validate")
	if err != nil {
		if os.Getenv("FLYLEAF_REQUIRE_ALL") != "" {
			t.Fatal("desktop-file-validate is missing; install desktop-file-utils")
		}
		t.Skip("desktop-file-validate is not installed (package desktop-file-utils)")
	}
	for _, path := range []string{"/usr/bin/flyleaf", "/opt/my apps/50%/a\"b$c`d\\e/flyleaf"} {
		text, err := desktopEntry([]string{path, "--data", "/home/a b", "desktop", "--"})
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), entryName)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(tool, file).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%v: %s\n%s", err, out, text)
		}
	}
}

// installed runs a command with a home directory and with only the tools of a desktop, which record how they
// were called.
func installed(t *testing.T, tools map[string]string, args ...string) (home, calls, out, errs string, code int) {
	t.Helper()
	home, bin := t.TempDir(), t.TempDir()
	for name, script := range tools {
		script = "#!/bin/sh\necho \"" + name + " $*\" >> '" + bin + "/calls'\n" + script
		if err := os.WriteFile(filepath.Join(bin, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, value := range map[string]string{"HOME": home, "XDG_DATA_HOME": filepath.Join(home, "my data"), "FLYLEAF_DATA": "", "PATH": bin, "DISPLAY": "", "WAYLAND_DISPLAY": ""} {
		t.Setenv(name, value)
	}
	var stdout, stderr bytes.Buffer
	for _, line := range args {
		code = run(t.Context(), strings.Fields(line), streams{strings.NewReader(""), &stdout, &stderr})
	}
	b, _ := os.ReadFile(filepath.Join(bin, "calls"))
	return home, string(b), stdout.String(), stderr.String(), code
}

func onlyWhereEntriesAre(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		t.Skip("there are no desktop entries on this system")
	}
}

// --install writes the entry and the icon below XDG_DATA_HOME, registers flyleaf: links, and says so.
// --undo removes both files. Without the tools, or when they fail, it says so and continues.
func TestInstallTheDesktopEntry(t *testing.T) {
	onlyWhereEntriesAre(t)
	const entry, icon = "my data/applications/flyleaf.desktop", "my data/icons/hicolor/scalable/apps/flyleaf.svg"
	tools := map[string]string{"xdg-mime": "", "update-desktop-database": ""}
	home, calls, out, errs, code := installed(t, tools, "desktop --install")
	applications := filepath.Join(home, "my data/applications")
	if code != exitOK || errs != "" || calls != "update-desktop-database "+applications+"\nxdg-mime default flyleaf.desktop x-scheme-handler/flyleaf\n" {
		t.Errorf("%d %q, calls %q", code, errs, calls)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(home, entry))
	if err != nil || !strings.Contains(string(b), "\nExec="+quoteExec(self)+" desktop -- %u\n") {
		t.Errorf("%v\n%s", err, b)
	}
	if b, err := os.ReadFile(filepath.Join(home, icon)); err != nil || !bytes.Equal(b, webui.Icon()) || !bytes.Contains(b, []byte("<svg")) {
		t.Errorf("the icon: %v %q", err, b)
	}
	for _, words := range []string{"Wrote " + filepath.Join(home, entry), "Wrote " + filepath.Join(home, icon), "flyleaf: links now open this program", "desktop --install --undo"} {
		if !strings.Contains(out, words) {
			t.Errorf("it does not say %q:\n%s", words, out)
		}
	}

	home, calls, out, errs, code = installed(t, tools, "desktop --install", "desktop --install --undo")
	if code != exitOK || errs != "" || !strings.Contains(out, "Removed "+filepath.Join(home, entry)) || strings.Count(calls, "update-desktop-database") != 2 {
		t.Errorf("undo: %d %q %q, calls %q", code, out, errs, calls)
	}
	if left := filesIn(t, home); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
	if _, _, out, _, code := installed(t, tools, "desktop --install --undo"); code != exitOK || !strings.Contains(out, "Nothing to remove") {
		t.Errorf("undo of nothing: %d %q", code, out)
	}

	home, _, out, errs, code = installed(t, nil, "desktop --install")
	if code != exitOK || !strings.Contains(errs, "xdg-mime is not installed") || !strings.Contains(errs, "update-desktop-database is not installed") || strings.Contains(out, "links now open") {
		t.Errorf("without tools: %d %q %q", code, out, errs)
	}
	if left := filesIn(t, home); len(left) != 2 {
		t.Errorf("without tools it wrote %q", left)
	}
	tools["xdg-mime"] = "echo no such desktop >&2; exit 3\n"
	if _, _, out, errs, code := installed(t, tools, "desktop --install"); code != exitOK || !strings.Contains(errs, "xdg-mime failed (exit status 3: no such desktop)") || strings.Contains(out, "links now open") {
		t.Errorf("with a tool that fails: %d %q %q", code, out, errs)
	}
}

// An entry for another data directory than the default one names it.
func TestInstallKeepsTheDataDirectory(t *testing.T) {
	onlyWhereEntriesAre(t)
	data := filepath.Join(t.TempDir(), "mine")
	home, _, _, errs, code := installed(t, nil, "--data "+data+" desktop --install")
	b, err := os.ReadFile(filepath.Join(home, "my data/applications", entryName))
	if code != exitOK || err != nil || !strings.Contains(string(b), " --data "+quoteExec(data)+" desktop -- %u\n") {
		t.Errorf("%d %q %v\n%s", code, errs, err, b)
	}
}

// Links that are no invitation, or more than one, are refused, as is what is no link. Nothing is opened,
// and nothing is written.
func TestDesktopRefusesOtherLinks(t *testing.T) {
	onlyWhereEntriesAre(t)
	dir := t.TempDir()
	opened := filepath.Join(dir, "opened")
	for _, link := range []string{
		"flyleaf:", "flyleaf://evil.example/run?cmd=id", "flyleaf:--gpu-launcher=id", "https://evil.example/", "javascript:alert(1)", "file:///etc/passwd",
		"flyleaf:2kuc5yuMvWnkErdeNjRzMrhYyHRG@file:///etc", "flyleaf:2kuc5yuMvWnkErdeNjRzMrhYyHRH@wss://relay.example", "flyleaf:\x1b[2Jx", "--gpu-launcher=id", "",
		strings.Repeat("flyleaf:", 20_000),
	} {
		home := t.TempDir()
		t.Setenv("HOME", home)
		t.Setenv("XDG_DATA_HOME", "")
		t.Setenv("FLYLEAF_DATA", "")
		t.Setenv("DISPLAY", ":99")
		t.Setenv("PATH", dir)
		for _, name := range []string{"chromium", "xdg-open"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\necho x > '"+opened+"'\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), []string{"desktop", "--", link}, streams{strings.NewReader(""), &stdout, &stderr})
		if code != exitUsage || !strings.Contains(stderr.String(), "not a Flyleaf invitation") || strings.ContainsRune(stderr.String(), '\x1b') || len(stderr.String()) > 1000 {
			t.Errorf("%.80q: %d %q", link, code, stderr.String())
		}
		if left := filesIn(t, home); len(left) != 0 {
			t.Errorf("%.80q wrote %q", link, left)
		}
	}
	if _, err := os.Stat(opened); err == nil {
		t.Error("a browser was opened")
	}
}

// Wrong combinations of flags, and a machine without a desktop, get an error that says what to do.
func TestDesktopErrors(t *testing.T) {
	onlyWhereEntriesAre(t)
	for line, want := range map[string]struct {
		code  int
		words string
	}{
		"desktop":                     {exitError, "`flyleaf serve` prints an address"},
		"desktop --undo":              {exitUsage, "--undo needs --install"},
		"desktop --install flyleaf:x": {exitUsage, "--install takes no link"},
		"desktop flyleaf:x flyleaf:y": {exitUsage, "at most 1 argument is expected"},
	} {
		home, _, _, errs, code := installed(t, nil, line)
		if left := filesIn(t, home); code != want.code || !strings.Contains(errs, want.words) || len(left) != 0 {
			t.Errorf("%s: %d %q, wrote %q", line, code, errs, left)
		}
	}
}

// filesIn lists the files below a directory.
func filesIn(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
