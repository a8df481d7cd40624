package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// The programs that are tried, by system: those of the user's own directories, too, and none in the
// directory of a variable that is not set.
func TestBrowsersForAWindow(t *testing.T) {
	env := func(name string) string {
		return map[string]string{"HOME": "/Users/noor", "ProgramFiles": `C:\Program Files`, "LocalAppData": `C:\Users\noor\AppData\Local`}[name]
	}
	for goos, want := range map[string][]string{
		"linux":   {"chromium", "google-chrome", "microsoft-edge", "brave-browser"},
		"freebsd": {"chromium"},
		"darwin": {
			"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/Users/noor/Applications/Chromium.app/Contents/MacOS/Chromium",
			"/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
		},
		"windows": {
			`C:\Program Files\Google\Chrome\Application\chrome.exe`, `C:\Users\noor\AppData\Local\Chromium\Application\chrome.exe`,
			`C:\Program Files\Microsoft\Edge\Application\msedge.exe`, "chrome",
		},
	} {
		got := windowBrowsers(goos, env)
		for _, program := range want {
			if !slices.Contains(got, program) {
				t.Errorf("%s: %q is not among %q", goos, program, got)
			}
		}
		for _, program := range got {
			if strings.HasPrefix(program, `\`) || program == "" {
				t.Errorf("%s: tries %q", goos, program)
			}
		}
	}
}

// The first program that there is, is used. A snap is not: it cannot read the data directory.
func TestFindWindowBrowser(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the programs of this test are scripts")
	}
	dir := t.TempDir()
	program := func(name, script string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(script), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	program("chromium-browser", "#!/bin/sh\nexec /snap/bin/chromium \"$@\"\n", 0o755)
	program("google-chrome", "#!/bin/sh\n", 0o644) // is no program
	edge := program("microsoft-edge", "#!/bin/sh\n", 0o755)
	program("snap", "", 0o755)
	if err := os.Symlink("snap", filepath.Join(dir, "chromium")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	if got := findWindowBrowser(windowBrowsers("linux", os.Getenv)); got != edge {
		t.Errorf("found %q", got)
	}
	if got := findWindowBrowser([]string{filepath.Join(dir, "none"), "none"}); got != "" {
		t.Errorf("found %q where there is none", got)
	}
}

// The command line has neither the address of the pages nor the start token nor the link: other users
// can see it. All that differs are two paths of the data directory, each after an option's name.
func TestCommandLineOfAWindow(t *testing.T) {
	for _, test := range []struct{ goos, home, file, profile string }{
		{"linux", "/home/a b/--load-extension=x?#%", "file:///home/a%20b/--load-extension=x%3F%23%25/start.html", "/home/a b/--load-extension=x?#%/window"},
		{"darwin", "/Users/noor/Library/flyleaf", "file:///Users/noor/Library/flyleaf/start.html", "/Users/noor/Library/flyleaf/window"},
		{"windows", `C:\Users\noor\Flyleaf`, "file:///C:/Users/noor/Flyleaf/start.html", `C:\Users\noor\Flyleaf\window`},
	} {
		separator := map[bool]string{true: `\`, false: "/"}[test.goos == "windows"]
		got := windowArgs(test.goos, test.home+separator+"window", test.home+separator+"start.html")
		want := []string{
			"--app=" + test.file, "--user-data-dir=" + test.profile, "--class=flyleaf", "--no-first-run", "--no-default-browser-check", "--password-store=basic",
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q", test.goos, got)
		}
	}
}

// A profile is in use while the process lives that its lock names, and not after a crash that has left
// the lock behind.
func TestProfileInUse(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the lock is another one on Windows")
	}
	dir := t.TempDir()
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Skip(err)
	}
	for to, want := range map[string]bool{
		"": false, fmt.Sprint("my-host-", os.Getpid()): true, fmt.Sprint("my-host-", ended.Process.Pid): false, "no number": false,
	} {
		lock := filepath.Join(dir, "SingletonLock")
		_ = os.Remove(lock)
		if to != "" {
			if err := os.Symlink(to, lock); err != nil {
				t.Fatal(err)
			}
		}
		if got := profileInUse(dir); got != want {
			t.Errorf("with the lock %q in use: %v", to, got)
		}
	}
}
