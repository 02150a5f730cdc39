// SPDX-License-Identifier: BSD-3-Clause
//
// Peal for C++17: peal.h with owners. Header only; link libpeal as C does.
//
//     libpeal::session session("/run/peal/peal.sock", "my-program");
//     libpeal::event event;
//
//     session.hear(true);
//     while (session.next(event) == libpeal::result::ok) {
//         if (event.kind() == libpeal::event_kind::cast) { ... event.bytes() ... }
//     }
//
// What a call may answer, and what each event means, stands in peal.h and docs/API.md; here is what
// differs.
//
// The namespace has the name of the library, since `peal` is a struct of it.
//
// Errors. Calls return libpeal::result, which must be looked at: "full" and "no credit" are how a
// sender learns that it should wait, thousands of times a second, so they are values and cost
// nothing. A result turns into a std::error_code by itself, for those who collect these. Only the
// constructor of a session throws, std::system_error, since it has no other way to say no;
// session::attach does the same without.
//
// Owners. A session detaches and a channel closes when it ends; both can be moved and not copied. A
// channel uses its session, wherever that was moved, and has to end before it.
//
// Costs. No call allocates; each is the one of peal.h and a few instructions.
#ifndef PEAL_HPP
#define PEAL_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow" // peal_view names a struct and a function, as C may
#endif
#include <peal/peal.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

namespace libpeal
{

enum class [[nodiscard]] result : int{
	ok = PEAL_OK,
	empty = PEAL_EMPTY,
	full = PEAL_FULL,
	no_credit = PEAL_NO_CREDIT,
	not_in_view = PEAL_NOT_IN_VIEW,
	too_big = PEAL_TOO_BIG,
	closed = PEAL_CLOSED,
	no_quorum = PEAL_NO_QUORUM,
	evicted = PEAL_EVICTED,
	too_many = PEAL_TOO_MANY,
	in_use = PEAL_IN_USE,
	not_here = PEAL_NOT_HERE,
	forbidden = PEAL_FORBIDDEN,
	no_daemon = PEAL_NO_DAEMON,
	no_memory = PEAL_NO_MEMORY,
	timeout = PEAL_TIMEOUT,
	not_supported = PEAL_NOT_SUPPORTED,
	bad_name = PEAL_BAD_NAME,
	peer_gone = PEAL_PEER_GONE,
	no_service = PEAL_NO_SERVICE,
	busy = PEAL_BUSY,
	too_few = PEAL_TOO_FEW,
	not_rank = PEAL_NOT_RANK,
};

enum class event_kind : std::uint32_t {
	view = PEAL_EVENT_VIEW,
	joined = PEAL_EVENT_JOINED,
	gone = PEAL_EVENT_GONE,
	no_quorum = PEAL_EVENT_NO_QUORUM,
	quorum = PEAL_EVENT_QUORUM,
	opened = PEAL_EVENT_OPENED,
	message = PEAL_EVENT_MESSAGE,
	cast = PEAL_EVENT_CAST,
	finished = PEAL_EVENT_FINISHED,
	ended = PEAL_EVENT_ENDED,
	cast_lost = PEAL_EVENT_CAST_LOST,
	value = PEAL_EVENT_VALUE,
	group_view = PEAL_EVENT_GROUP_VIEW,
	group_joined = PEAL_EVENT_GROUP_JOINED,
	group_gone = PEAL_EVENT_GROUP_GONE,
	group_message = PEAL_EVENT_GROUP_MESSAGE,
	group_ended = PEAL_EVENT_GROUP_ENDED,
	order_view = PEAL_EVENT_ORDER_VIEW,
	ordered = PEAL_EVENT_ORDERED,
	order_skipped = PEAL_EVENT_ORDER_SKIPPED,
	order_doubtful = PEAL_EVENT_ORDER_DOUBTFUL,
	order_ended = PEAL_EVENT_ORDER_ENDED,
	request = PEAL_EVENT_REQUEST,
	reply = PEAL_EVENT_REPLY,
	no_reply = PEAL_EVENT_NO_REPLY,
	done = PEAL_EVENT_DONE,
};

enum class order : int {
	sender = PEAL_ORDER_SENDER,
	total = PEAL_ORDER_TOTAL,
};

// The name of a result: "full", "no credit".
inline const char *
name_of(result value) noexcept
{
	return peal_result_name(static_cast<peal_result>(value));
}

class category_type final : public std::error_category
{
      public:
	const char *
	name() const noexcept override
	{
		return "peal";
	}

	std::string
	message(int value) const override
	{
		return name_of(static_cast<result>(value));
	}
};

inline const std::error_category &
category() noexcept
{
	static const category_type only;

	return only;
}

inline std::error_code
make_error_code(result value) noexcept
{
	return {static_cast<int>(value), category()};
}

// What session::poll gave. Its bytes are good until the next poll of the session.
class event
{
      public:
	event_kind
	kind() const noexcept
	{
		return static_cast<event_kind>(raw_.kind);
	}

	// The number of a channel, to be compared with channel::id.
	std::uint32_t
	channel() const noexcept
	{
		return raw_.channel;
	}

	std::uint64_t
	member() const noexcept
	{
		return raw_.member;
	}

	std::string_view
	bytes() const noexcept
	{
		return raw_.size == 0
			       ? std::string_view()
			       : std::string_view(static_cast<const char *>(raw_.bytes), raw_.size);
	}

	std::uint16_t
	number() const noexcept
	{
		return raw_.number;
	}

	// Of gone.
	peal_gone
	why_gone() const noexcept
	{
		return static_cast<peal_gone>(raw_.reason);
	}

	// Of ended.
	peal_reason
	why_ended() const noexcept
	{
		return static_cast<peal_reason>(raw_.reason);
	}

	// Of ended, when the reason is PEAL_REASON_REFUSED.
	result
	why_refused() const noexcept
	{
		return static_cast<result>(raw_.result);
	}

	std::uint64_t
	lost_count() const noexcept
	{
		return raw_.lost_count;
	}

	// Of a group: who of the node `member()`, in the view (epoch, n).
	std::uint32_t
	client() const noexcept
	{
		return raw_.client;
	}

	std::uint64_t
	epoch() const noexcept
	{
		return raw_.epoch;
	}

	std::uint32_t
	n() const noexcept
	{
		return raw_.n;
	}

	// Of group_gone.
	peal_group_gone
	why_out() const noexcept
	{
		return static_cast<peal_group_gone>(raw_.reason);
	}

	// Of group_ended.
	peal_group_end
	why_group_ended() const noexcept
	{
		return static_cast<peal_group_end>(raw_.reason);
	}

	// Of ordered: where the message stands. Of order_skipped: up to where some are missing.
	std::uint64_t
	position() const noexcept
	{
		return raw_.position;
	}

	// Of order_ended.
	peal_order_end
	why_order_ended() const noexcept
	{
		return static_cast<peal_order_end>(raw_.reason);
	}

	// Of request, reply, no_reply and done.
	std::uint64_t
	request() const noexcept
	{
		return raw_.request;
	}

	// Of no_reply and done.
	result
	outcome() const noexcept
	{
		return static_cast<result>(raw_.result);
	}

	const peal_event &
	raw() const noexcept
	{
		return raw_;
	}

      private:
	friend class session;

	peal_event raw_{};
};

// The view as of the last event; members by number. It stays as it is until the next poll.
class view
{
      public:
	explicit view(const struct peal_view *raw) noexcept : raw_(raw)
	{
	}

	// 0 = this node is no member.
	std::uint64_t
	epoch() const noexcept
	{
		return raw_->epoch;
	}

	std::uint64_t
	self() const noexcept
	{
		return raw_->self;
	}

	std::uint32_t
	tag() const noexcept
	{
		return raw_->tag;
	}

	std::size_t
	size() const noexcept
	{
		return raw_->members_count;
	}

	const peal_member *
	begin() const noexcept
	{
		return raw_->members;
	}

	const peal_member *
	end() const noexcept
	{
		return raw_->members + raw_->members_count;
	}

      private:
	const struct peal_view *raw_;
};

namespace detail
{

// Something that a session has open, until it is given up: at the end of this, at the latest.
template <auto GiveUp, auto Send>
class handle
{
      public:
	handle() noexcept = default;

	handle(handle &&other) noexcept : peal_(std::exchange(other.peal_, nullptr)), id_(other.id_)
	{
	}

	handle &
	operator=(handle &&other) noexcept
	{
		if (this != &other) {
			(void)let_go<GiveUp>();
			peal_ = std::exchange(other.peal_, nullptr);
			id_ = other.id_;
		}
		return *this;
	}

	handle(const handle &) = delete;
	handle &operator=(const handle &) = delete;

	explicit operator bool() const noexcept
	{
		return peal_ != nullptr;
	}

	// As in event::channel.
	std::uint32_t
	id() const noexcept
	{
		return id_;
	}

	result
	send(std::string_view bytes) noexcept
	{
		return peal_ == nullptr ? result::closed
					: static_cast<result>(Send(peal_, id_, bytes.data(),
						  static_cast<std::uint32_t>(bytes.size())));
	}

	// Room in shared memory; session::commit makes a message of it.
	result
	claim(std::uint32_t size, void *&room_out) noexcept
	{
		room_out = nullptr;
		return peal_ == nullptr
			       ? result::closed
			       : static_cast<result>(peal_claim(peal_, id_, size, &room_out));
	}

	// After the event that says that it ended: it means nothing any more, and nothing is to be
	// given up.
	void
	forget() noexcept
	{
		peal_ = nullptr;
	}

      protected:
	handle(struct peal *peal, std::uint32_t id) noexcept : peal_(peal), id_(id)
	{
	}

	~handle()
	{
		(void)let_go<GiveUp>();
	}

	// After ok nothing is left to be done at the end.
	template <auto How>
	result
	let_go() noexcept
	{
		const result value = peal_ == nullptr ? result::closed
						      : static_cast<result>(How(peal_, id_));

		if (value == result::ok || value == result::closed) {
			peal_ = nullptr;
		}
		return value;
	}

	struct peal *peal_ = nullptr; // nullptr: none
	std::uint32_t id_ = 0;
};

} // namespace detail

// One end of a channel. When it ends, the channel is closed: what was accepted still arrives.
// event_kind::ended is for forget().
class channel : public detail::handle<peal_close, peal_send>
{
      public:
	channel() noexcept = default;

	// The end of this channel would do it, but has nobody to tell when the daemon is full.
	result
	close() noexcept
	{
		return let_go<peal_close>();
	}

	result
	reset() noexcept
	{
		return let_go<peal_reset>();
	}

      private:
	friend class session;

	channel(struct peal *peal, std::uint32_t id) noexcept : handle(peal, id)
	{
	}
};

// A process group that this session is in. When it ends, the group is left. event_kind::group_ended
// is for forget().
class group : public detail::handle<peal_group_leave, peal_send>
{
      public:
	group() noexcept = default;

	// As of the last event, until the next poll; nullptr: none has come.
	const struct peal_group_view *
	view() const noexcept
	{
		return peal_ == nullptr ? nullptr : peal_group_view(peal_, id_);
	}

	// event_kind::group_ended follows.
	result
	leave() noexcept
	{
		return let_go<peal_group_leave>();
	}

      private:
	friend class session;

	group(struct peal *peal, std::uint32_t id) noexcept : handle(peal, id)
	{
	}
};

// An order group that this session has open. When it ends, the group is closed here; what was sent
// is ordered all the same, and comes back as event_kind::ordered. event_kind::order_ended is for
// forget().
class order_group : public detail::handle<peal_order_close, peal_order_send>
{
      public:
	order_group() noexcept = default;

	// As of the last event, until the next poll; nullptr: none has come.
	const struct peal_order_view *
	view() const noexcept
	{
		return peal_ == nullptr ? nullptr : peal_order_view(peal_, id_);
	}

	// event_kind::order_ended follows.
	result
	close() noexcept
	{
		return let_go<peal_order_close>();
	}

      private:
	friend class session;

	order_group(struct peal *peal, std::uint32_t id) noexcept : handle(peal, id)
	{
	}
};

// Whom to ask, and how many replies are wanted; at first all members, and all of them.
class question
{
      public:
	explicit question(std::uint16_t service,
		std::chrono::nanoseconds timeout = std::chrono::seconds(1)) noexcept
	{
		raw_.service = service;
		raw_.timeout_ns =
			timeout.count() < 0 ? 0 : static_cast<std::uint64_t>(timeout.count());
	}

	// These; they must outlive the call of session::ask.
	question &
	of(const std::uint64_t *members, std::size_t count) noexcept
	{
		raw_.members = members;
		raw_.members_count = static_cast<std::uint32_t>(count);
		return *this;
	}

	question &
	wanted(std::uint32_t replies) noexcept
	{
		raw_.wanted_count = replies;
		return *this;
	}

	question &
	wanted_all() noexcept
	{
		return wanted(PEAL_WANT_ALL);
	}

	question &
	wanted_majority() noexcept
	{
		return wanted(PEAL_WANT_MAJORITY);
	}

	// No deadline: as long as they are there.
	question &
	for_ever() noexcept
	{
		raw_.timeout_ns = PEAL_FOREVER;
		return *this;
	}

	const peal_question &
	raw() const noexcept
	{
		return raw_;
	}

      private:
	peal_question raw_{};
};

// One attachment, of one thread at a time.
class session
{
      public:
	session() noexcept = default; // attached to nothing: every call answers closed

	// Throws std::system_error of libpeal::category(), with the sentence of peal_attach_error.
	// `socket` nullptr: $PEAL_SOCKET, or PEAL_SOCKET_DEFAULT.
	explicit session(const char *socket, const char *name = "c++")
	{
		const result value = attach(socket, name, *this);

		if (value != result::ok) {
			throw std::system_error(make_error_code(value), peal_attach_error());
		}
	}

	session(session &&other) noexcept : peal_(std::exchange(other.peal_, nullptr))
	{
	}

	session &
	operator=(session &&other) noexcept
	{
		if (this != &other) {
			peal_detach(peal_);
			peal_ = std::exchange(other.peal_, nullptr);
		}
		return *this;
	}

	session(const session &) = delete;
	session &operator=(const session &) = delete;

	~session()
	{
		peal_detach(peal_);
	}

	// On anything but ok `out` is attached to nothing, and peal_attach_error says why.
	static result
	attach(const char *socket, const char *name, session &out) noexcept
	{
		struct peal *peal = nullptr;
		const auto value = static_cast<result>(peal_attach(socket, name, &peal));

		peal_detach(std::exchange(out.peal_, peal));
		return value;
	}

	explicit operator bool() const noexcept
	{
		return peal_ != nullptr;
	}

	result
	state() const noexcept
	{
		return peal_ == nullptr ? result::closed : static_cast<result>(peal_state(peal_));
	}

	// --- the view ---

	libpeal::view
	view() const noexcept
	{
		static const struct peal_view none {
		};

		return libpeal::view(peal_ == nullptr ? &none : peal_view(peal_));
	}

	// The view word: the epoch in which this node is in good standing now, or nothing.
	std::optional<std::uint64_t>
	membership() const noexcept
	{
		std::uint64_t epoch = 0;

		if (peal_ == nullptr || !peal_is_member(peal_, &epoch)) {
			return std::nullopt;
		}
		return epoch;
	}

	// --- events ---

	result
	poll(event &out) noexcept
	{
		return peal_ == nullptr ? result::closed
					: static_cast<result>(peal_poll(peal_, &out.raw_));
	}

	// Until there is something to poll. It may answer ok too early.
	result
	wait() noexcept
	{
		return wait_ns(PEAL_FOREVER);
	}

	result
	wait(std::chrono::nanoseconds timeout) noexcept
	{
		return wait_ns(
			timeout.count() < 0 ? 0 : static_cast<std::uint64_t>(timeout.count()));
	}

	// The next event, however long it takes: ok, closed or evicted.
	result
	next(event &out) noexcept
	{
		result value = poll(out);

		while (value == result::empty) {
			(void)wait();
			value = poll(out);
		}
		return value;
	}

	void
	set_spin(std::chrono::nanoseconds spin) noexcept
	{
		if (peal_ != nullptr) {
			peal_set_spin(peal_, static_cast<std::uint64_t>(spin.count()));
		}
	}

	// -1: attached to nothing. Before each wait for it, call rest; see peal.h.
	int
	fd() const noexcept
	{
		return peal_ == nullptr ? -1 : peal_fd(peal_);
	}

	result
	rest() noexcept
	{
		return peal_ == nullptr ? result::closed : static_cast<result>(peal_rest(peal_));
	}

	// --- messages ---

	result
	listen(std::uint16_t number) noexcept
	{
		return peal_ == nullptr ? result::closed
					: static_cast<result>(peal_listen(peal_, number));
	}

	result
	unlisten(std::uint16_t number) noexcept
	{
		return peal_ == nullptr ? result::closed
					: static_cast<result>(peal_unlisten(peal_, number));
	}

	result
	open(std::uint64_t member, std::uint16_t number, channel &out) noexcept
	{
		std::uint32_t id = 0;
		const result value =
			peal_ == nullptr
				? result::closed
				: static_cast<result>(peal_open(peal_, member, number, &id));

		if (value == result::ok) {
			out = channel(peal_, id);
		}
		return value;
	}

	// The end of a channel that a peer opened, from event_kind::opened; once for each.
	channel
	accept(const event &opened) noexcept
	{
		return {peal_, opened.channel()};
	}

	// An answer on the channel that a message came by, whoever owns its end.
	result
	reply(const event &message, std::string_view bytes) noexcept
	{
		return send_to(message.channel(), bytes);
	}

	// `out` must not outlive the session.
	result
	join(const char *name, group &out, order wanted = order::sender) noexcept
	{
		std::uint32_t id = 0;
		const result value =
			peal_ == nullptr
				? result::closed
				: static_cast<result>(peal_group_join(
					  peal_, name, static_cast<peal_order>(wanted), &id));

		if (value == result::ok) {
			out = group(peal_, id);
		}
		return value;
	}

	// In total order by the order group with this id; `out` must not outlive the session.
	result
	join_by(const char *name, std::uint32_t order_group_id, group &out) noexcept
	{
		std::uint32_t id = 0;
		const result value =
			peal_ == nullptr ? result::closed
					 : static_cast<result>(peal_group_join_by(
						   peal_, name, order_group_id, &id));

		if (value == result::ok) {
			out = group(peal_, id);
		}
		return value;
	}

	// By its id; `out` must not outlive the session.
	result
	open_order(std::uint32_t id, order_group &out) noexcept
	{
		std::uint32_t handle = 0;
		const result value =
			peal_ == nullptr
				? result::closed
				: static_cast<result>(peal_order_open(peal_, id, &handle));

		if (value == result::ok) {
			out = order_group(peal_, handle);
		}
		return value;
	}

	// Has it created by the members of the view, and opens it.
	result
	create_order(std::uint32_t id, const peal_order_rank *ranks, std::size_t count,
		order_group &out) noexcept
	{
		std::uint32_t handle = 0;
		const result value =
			peal_ == nullptr
				? result::closed
				: static_cast<result>(peal_order_create(peal_, id, ranks,
					  static_cast<std::uint32_t>(count), &handle));

		if (value == result::ok) {
			out = order_group(peal_, handle);
		}
		return value;
	}

	std::uint32_t
	order_size_max() const noexcept
	{
		return peal_ == nullptr ? 0 : peal_order_size_max(peal_);
	}

	result
	hear(bool is_heard) noexcept
	{
		return peal_ == nullptr ? result::closed
					: static_cast<result>(peal_hear(peal_, is_heard));
	}

	// Whether who broadcasts waits for this application, where its node allows it.
	result
	hold_back(bool is_held_back) noexcept
	{
		return peal_ == nullptr ? result::closed
					: static_cast<result>(peal_hold_back(peal_, is_held_back));
	}

	result
	send_to_all(std::string_view bytes) noexcept
	{
		return send_to(PEAL_ALL, bytes);
	}

	// The latest value of a number of this member.
	result
	set(std::uint16_t number, std::string_view bytes) noexcept
	{
		return peal_ == nullptr ? result::closed
					: static_cast<result>(peal_set(peal_, number, bytes.data(),
						  static_cast<std::uint32_t>(bytes.size())));
	}

	result
	claim_for_all(std::uint32_t size, void *&room_out) noexcept
	{
		room_out = nullptr;
		return peal_ == nullptr
			       ? result::closed
			       : static_cast<result>(peal_claim(peal_, PEAL_ALL, size, &room_out));
	}

	// Makes a message of the first `size` bytes of the last claim.
	void
	commit(std::uint32_t size) noexcept
	{
		if (peal_ != nullptr) {
			peal_commit(peal_, size);
		}
	}

	// Shows the daemon all that was committed.
	void
	flush() noexcept
	{
		if (peal_ != nullptr) {
			peal_flush(peal_);
		}
	}

	std::uint32_t
	message_size_max() const noexcept
	{
		return peal_ == nullptr ? 0 : peal_message_size_max(peal_);
	}

	// --- requests ---

	result
	serve(std::uint16_t service) noexcept
	{
		return peal_ == nullptr ? result::closed
					: static_cast<result>(peal_serve(peal_, service));
	}

	result
	unserve(std::uint16_t service) noexcept
	{
		return peal_ == nullptr ? result::closed
					: static_cast<result>(peal_unserve(peal_, service));
	}

	// Answers event_kind::request, by its event::request, now or later.
	result
	answer(std::uint64_t request, std::string_view bytes) noexcept
	{
		return peal_ == nullptr
			       ? result::closed
			       : static_cast<result>(peal_reply(peal_, request, bytes.data(),
					 static_cast<std::uint32_t>(bytes.size())));
	}

	result
	refuse(std::uint64_t request) noexcept
	{
		return peal_ == nullptr ? result::closed
					: static_cast<result>(peal_refuse(peal_, request));
	}

	// event_kind::reply, no_reply and done follow, with this number.
	result
	ask(const question &what, std::string_view bytes, std::uint64_t &request_out) noexcept
	{
		return peal_ == nullptr
			       ? result::closed
			       : static_cast<result>(peal_ask(peal_, &what.raw(), bytes.data(),
					 static_cast<std::uint32_t>(bytes.size()), &request_out));
	}

	result
	cancel(std::uint64_t request) noexcept
	{
		return peal_ == nullptr ? result::closed
					: static_cast<result>(peal_cancel(peal_, request));
	}

	// Answers that came after their request was over.
	std::uint64_t
	late_count() const noexcept
	{
		return peal_ == nullptr ? 0 : peal_late_count(peal_);
	}

	// For what is not here. nullptr: attached to nothing.
	struct peal *
	raw() const noexcept
	{
		return peal_;
	}

      private:
	result
	wait_ns(std::uint64_t timeout_ns) noexcept
	{
		return peal_ == nullptr ? result::closed
					: static_cast<result>(peal_wait(peal_, timeout_ns));
	}

	result
	send_to(std::uint32_t id, std::string_view bytes) noexcept
	{
		return peal_ == nullptr ? result::closed
					: static_cast<result>(peal_send(peal_, id, bytes.data(),
						  static_cast<std::uint32_t>(bytes.size())));
	}

	struct peal *peal_ = nullptr;
};

} // namespace libpeal

template <> struct std::is_error_code_enum<libpeal::result> : std::true_type {
};

#endif
