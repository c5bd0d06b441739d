/** Loaded before the program by `node --import`: gives up root's rights, since root may read and write everything. */
if (process.getuid?.() === 0) {
  process.setgroups?.([]);
  process.setgid?.(65534);
  process.setuid?.(65534);
}
