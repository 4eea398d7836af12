// Level-triggered sending: of each key only the newest value matters, one message is in flight, and the whole
// is bounded. What was in flight when the link broke comes back unless something newer has taken its place.
// One thread.
//
//   dirty.Put(assignment_uid, status);
//   if (!dirty.in_flight()) for (auto& [uid, status] : dirty.Take(100, limits::kStatusMessageBytes, size))
//   ... dirty.Acknowledge();          // or Return(), when the link broke
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace perigee {

template <typename Value>
class DirtySet {
 public:
  explicit DirtySet(size_t max_keys) : max_keys_(max_keys) {}

  // False when `key` is new and the bound is reached: nothing changes.
  [[nodiscard]] bool Put(const std::string& key, Value value) {
    auto it = waiting_.find(key);
    if (it != waiting_.end()) {
      it->second = std::move(value);
      return true;
    }
    if (waiting_.size() >= max_keys_) return false;
    order_.push_back(key);
    waiting_.emplace(key, std::move(value));
    return true;
  }

  // Oldest first, at most `max_items` and about `max_bytes` (always at least one). Only while nothing is in
  // flight.
  template <typename SizeOf>
  const std::map<std::string, Value>& Take(size_t max_items, size_t max_bytes, SizeOf size_of) {
    size_t bytes = 0;
    while (!order_.empty() && in_flight_.size() < max_items) {
      auto it = waiting_.find(order_.front());
      const size_t size = size_of(it->second);
      if (!in_flight_.empty() && bytes + size > max_bytes) break;
      bytes += size;
      in_flight_.emplace(it->first, std::move(it->second));
      waiting_.erase(it);
      order_.pop_front();
    }
    return in_flight_;
  }

  void Acknowledge() { in_flight_.clear(); }

  void Return() {
    for (auto& [key, value] : in_flight_) {
      if (waiting_.contains(key)) continue;
      order_.push_front(key);
      waiting_.emplace(key, std::move(value));
    }
    in_flight_.clear();
  }

  void Clear() {
    waiting_.clear();
    order_.clear();
    in_flight_.clear();
  }

  bool in_flight() const { return !in_flight_.empty(); }
  bool empty() const { return waiting_.empty(); }
  size_t size() const { return waiting_.size(); }

 private:
  const size_t max_keys_;
  std::map<std::string, Value> waiting_;
  std::deque<std::string> order_;  // keys of waiting_, oldest first
  std::map<std::string, Value> in_flight_;
};

}  // namespace perigee
