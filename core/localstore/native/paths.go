package native

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// The files in the data directory, beside the Unix socket.
const (
	databaseName = "masq.db"
	keyName      = "masq.key"
)

// ErrNoDir: the system does not say where the user's data belongs.
var ErrNoDir = errors.New("there is no place for the data: give one with --data DIR")

// DefaultDir is where a user's data belongs: $XDG_DATA_HOME/masq or ~/.local/share/masq, on macOS ~/Library/Application
// Support/masq, on Windows %LocalAppData%\masq. It is empty where the system does not know.
func DefaultDir() string {
	base, err := "", error(nil)
	switch runtime.GOOS {
	case "windows":
		base, err = os.UserCacheDir() // %LocalAppData%: %AppData% would be copied from computer to computer, and this belongs to one
	case "darwin", "ios":
		base, err = os.UserConfigDir()
	default:
		if base = os.Getenv("XDG_DATA_HOME"); !filepath.IsAbs(base) { // relative ones are to be ignored
			base, err = os.UserHomeDir()
			base = filepath.Join(base, ".local", "share")
		}
	}
	if err != nil || !filepath.IsAbs(base) {
		return ""
	}
	return filepath.Join(base, "masq")
}

// prepareDir makes the data directory if it is not there, and checks that it is the user's alone. It returns its full path.
func prepareDir(dir string) (string, error) {
	if dir == "" {
		return "", ErrNoDir
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("cannot make the data directory: %w", err)
	}
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return "", err
	case runtime.GOOS == "windows": // what is below the user's directories is the user's
		return dir, nil
	case !ownedByUser(info):
		return "", fmt.Errorf("%s belongs to another user: choose another directory with --data DIR", dir)
	case info.Mode().Perm()&0o077 == 0:
		return dir, nil
	}
	return dir, closeToOthers(dir)
}

// closeToOthers takes others' rights to a directory away if it is empty; in one with files that is the user's to decide.
func closeToOthers(dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(files) > 0 {
		return fmt.Errorf("other users may look into %s: if it holds nothing but Masq's data, chmod 700 it; else choose another directory with --data DIR", dir)
	}
	return os.Chmod(dir, 0o700)
}
