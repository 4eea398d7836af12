// Files: whole, atomic, bounded. Thread-safe (no state).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace perigee {

// RESOURCE_EXHAUSTED when larger than `limit` bytes; NOT_FOUND when missing.
absl::StatusOr<std::string> ReadFile(const std::string& path, uint64_t limit);
// Everything from standard input, likewise bounded.
absl::StatusOr<std::string> ReadStandardInput(uint64_t limit);

// Old or new content whatever happens: temporary file beside it, fsync, rename, fsync of the directory.
absl::Status WriteFileAtomically(const std::string& path, std::string_view content, uint32_t mode);
// As above without the fsyncs, for runtime state that does not outlive a boot.
absl::Status WriteRuntimeFile(const std::string& path, std::string_view content, uint32_t mode);

// All of it, from where the descriptor stands. `what` is for the message: "writing <what>".
absl::Status WriteAll(int fd, std::string_view content, std::string_view what);

// Makes the directory and its parents; the last one gets `mode` even if it was there.
absl::Status EnsureDirectory(const std::string& path, uint32_t mode);
bool FileExists(const std::string& path);
// Names in the directory, sorted, without "." and "..".
absl::StatusOr<std::vector<std::string>> ListDirectory(const std::string& path);
absl::Status RemoveFile(const std::string& path);  // OK when missing
absl::Status RemoveTree(const std::string& path);  // OK when missing; does not follow links

// `root`/`relative` with symlinks and ".." refused, as openat2(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS).
// The descriptor is the caller's.
absl::StatusOr<int> OpenBeneath(const std::string& root, const std::string& relative, int flags,
                                uint32_t mode);

// An owned file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.Release()) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd();
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int Release();

 private:
  int fd_ = -1;
};

}  // namespace perigee
