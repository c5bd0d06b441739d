/**
 * What the disk said, as an error of ours with the next step in it. The system's own words stay in `cause`.
 *
 * @see errno(3)
 */
import { SpampotsError } from "../errors.ts";

const hints: Readonly<Record<string, string>> = {
  ENOSPC: "Free space on the disk that holds the store, then run the same command again.",
  EDQUOT: "The quota of this user is used up: free space or raise it, then run the same command again.",
  EROFS: "The disk is mounted read-only: look in the kernel's log why, mount it for writing, then run again.",
  EACCES: "This user may not write or read there: give the folder to the user that runs spampots.",
  EPERM: "This user may not write there: look at the folder's owner and attributes.",
  EIO: "The disk reports a fault of its own: look in the kernel's log and at the disk before you write again.",
  EMFILE: "Too many files are open: raise the limit (ulimit -n).",
  ENFILE: "Too many files are open on this machine.",
  EXDEV: "A folder inside the store lies on another disk: the store must be one file system.",
  ESTALE: "The network file system lost the folder: mount it again.",
  EFBIG: "The file is larger than the file system, or this process's limit (ulimit -f), allows.",
};

/** Linux's words for a file where a folder should be, and the other way round. */
const misplaced = new Set(["ENOTDIR", "EISDIR", "EEXIST", "ENOTEMPTY"]);

/** The system's code of an error, such as `ENOENT`. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** An error of the file system as a {@link SpampotsError}; anything else as it is. `key` is a checked key or a prefix. */
export function diskError(error: unknown, key: string): unknown {
  const code = systemCode(error);
  if (code === undefined || error instanceof SpampotsError) return error;
  if (misplaced.has(code)) {
    return new SpampotsError("bad-argument", "A key of the store stands where other keys have their folder.", {
      cause: error,
      key,
      hint: "No key may be the beginning of another up to a slash.",
    });
  }
  const hint = hints[code] ?? "Look at the disk that holds the store.";
  return new SpampotsError("disk-failed", "The disk that holds the store refused.", {
    cause: error,
    key,
    system: code,
    hint,
  });
}

/**
 * What the system refused outside of a store (a temporary folder, `done/`, a settings file) as `disk-failed`; anything else
 * as it is.
 */
export function fileError(error: unknown): unknown {
  const code = systemCode(error);
  if (!(error instanceof Error) || code === undefined || !("syscall" in error)) return error;
  return new SpampotsError("disk-failed", "A file or folder can't be read or written.", {
    cause: error,
    ...("path" in error && typeof error.path === "string" ? { path: error.path } : {}),
    system: code,
    hint: hintOf(error),
  });
}

/** The next step for whoever meets an error of the file system. */
export function hintOf(error: unknown): string {
  const other = "Look whether its disk is mounted, can be written, and belongs to the user that runs spampots.";
  return hints[systemCode(error) ?? ""] ?? other;
}
