# SPDX-License-Identifier: BSD-3-Clause
"""Peal for applications: who is in the group, messages to one member and to all.

What each call, event and result means stands in include/peal/*.h and docs/API.md; here is what differs.

    with peal.Session(name="my-program") as session:
        session.hear()
        for event in session:
            ...

A Session belongs to one thread at a time. Refusals are exceptions: Busy when it is worth trying again,
Error otherwise. Events are copies and may be kept.
"""
import asyncio
import ctypes
import dataclasses
import enum
import ipaddress
import typing
import uuid

from . import _library

__all__ = ["ALL", "MAJORITY", "Answers", "Busy", "Channel", "Error", "Event", "EventKind", "Gone", "Group", "GroupEnd", "GroupGone",
           "GroupMember", "GroupView", "Member", "Order", "OrderEnd", "OrderGroup", "OrderRank", "OrderView", "Reason", "Result", "Session", "View"]

# How many replies are wanted, in the place of a number.
ALL = _library.WANT_ALL
MAJORITY = _library.WANT_MAJORITY


class Result(enum.IntEnum):
    OK = 0
    EMPTY = 1
    FULL = 2
    NO_CREDIT = 3
    NOT_IN_VIEW = 4
    TOO_BIG = 5
    CLOSED = 6
    NO_QUORUM = 7
    EVICTED = 8
    TOO_MANY = 9
    IN_USE = 10
    NOT_HERE = 11
    FORBIDDEN = 12
    NO_DAEMON = 13
    NO_MEMORY = 14
    TIMEOUT = 15
    NOT_SUPPORTED = 16
    BAD_NAME = 17
    PEER_GONE = 18
    NO_SERVICE = 19
    BUSY = 20
    TOO_FEW = 21
    NOT_RANK = 22


class EventKind(enum.IntEnum):
    VIEW = 1
    JOINED = 2
    GONE = 3
    NO_QUORUM = 4
    QUORUM = 5
    OPENED = 6
    MESSAGE = 7
    CAST = 8
    FINISHED = 9
    ENDED = 10
    CAST_LOST = 11
    VALUE = 12
    REQUEST = 16
    REPLY = 17
    NO_REPLY = 18
    DONE = 19
    GROUP_VIEW = 20
    GROUP_JOINED = 21
    GROUP_GONE = 22
    GROUP_MESSAGE = 23
    GROUP_ENDED = 24
    ORDER_VIEW = 25
    ORDERED = 26
    ORDER_SKIPPED = 27
    ORDER_DOUBTFUL = 28
    ORDER_ENDED = 29


class Gone(enum.IntEnum):
    UNKNOWN = 0
    LEFT = 1
    CRASHED = 2
    REPLACED = 3


class Reason(enum.IntEnum):
    ORDERLY = 0
    CLOSED = 1
    UNKNOWN = 2
    FULL = 3
    STALE = 4
    PROTOCOL = 5
    SLOW = 6
    REMOVED = 7
    REFUSED = 8


class Order(enum.IntEnum):
    SENDER = 0
    TOTAL = 1  # not supported yet


class GroupGone(enum.IntEnum):
    LEFT = 1
    CRASHED = 2
    EVICTED = 3
    NODE_GONE = 4


class GroupEnd(enum.IntEnum):
    LEFT = 0
    TOO_MANY = 1
    REMOVED = 2
    OVERRUN = 3
    NOT_SUPPORTED = 4
    IN_USE = 5
    FORBIDDEN = 6
    NO_ORDER = 7
    OTHER_ORDER = 8


class OrderEnd(enum.IntEnum):
    CLOSED = 0
    UNKNOWN = 1
    TAKEN = 2
    NO_MEMBER = 3
    TOO_MANY = 4
    REPLACED = 5
    FAULT = 6
    REMOVED = 7
    NOT_SUPPORTED = 8
    IN_USE = 9


class Error(Exception):
    """A refusal; `result` is its reason."""

    def __init__(self, result, sentence=None):
        super().__init__(sentence or _result_name(result))
        self.result = Result(result)


class Busy(Error):
    """FULL or NO_CREDIT: take events, or wait, and try again."""


@dataclasses.dataclass(frozen=True)
class Member:
    member: int  # its number
    uuid: uuid.UUID
    address: typing.Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
    port: int


@dataclasses.dataclass(frozen=True)
class View:
    epoch: int  # 0: not a member
    self: int  # pylint: disable=no-self-argument
    tag: int
    members: typing.Tuple[Member, ...]


class GroupMember(typing.NamedTuple):
    """Who is in a group. It equals the pair (member, client) of an event."""
    member: int  # its node
    client: int  # which of that node


@dataclasses.dataclass(frozen=True)
class GroupView:
    epoch: int
    n: int
    members: typing.Tuple[GroupMember, ...]  # who has been in longest first
    self: GroupMember  # pylint: disable=no-self-argument
    name: str
    order_group: int = 0  # that it is in total order by; 0 = by each sender


class OrderRank(typing.NamedTuple):
    """A rank of an order group."""
    member: int  # who has it
    name: str  # of the rank: it stays


@dataclasses.dataclass(frozen=True)
class OrderView:
    position: int  # of the last message before it
    group: int
    generation: int
    view: int  # 0: this node has not heard of any yet
    active: int  # bit r: rank r takes part
    own_rank: typing.Optional[int]  # None: this node only listens
    is_waiting: bool
    ranks: typing.Tuple[OrderRank, ...]


@dataclasses.dataclass(frozen=True)
class Event:
    kind: EventKind
    channel: typing.Optional["Channel"] = None  # OPENED, MESSAGE, FINISHED, ENDED
    member: int = 0
    data: bytes = b""
    number: int = 0  # OPENED, VALUE; of requests the service
    reason: typing.Union[Gone, Reason, GroupGone, GroupEnd, OrderEnd, None] = None  # GONE, ENDED, *_GONE, *_ENDED
    result: typing.Optional[Result] = None  # ENDED for REFUSED; NO_REPLY, DONE
    lost_count: int = 0
    request: int = 0  # REQUEST, REPLY, NO_REPLY, DONE
    group: typing.Optional["Group"] = None  # GROUP_*
    client: int = 0  # GROUP_JOINED, GROUP_GONE, GROUP_MESSAGE, ORDERED: which of the node
    epoch: int = 0  # GROUP_*: names a view of the group, with `n`
    n: int = 0
    order: typing.Optional["OrderGroup"] = None  # ORDERED, ORDER_*
    position: int = 0  # ORDERED, ORDER_SKIPPED, ORDER_VIEW


@dataclasses.dataclass(frozen=True)
class Answers:
    """What came of Session.call."""
    result: Result  # OK: as many replied as wanted
    replies: typing.Dict[int, bytes]  # by member
    failures: typing.Dict[int, Result]


# What `reason` is of these.
_REASONS = {EventKind.GONE: Gone, EventKind.ENDED: Reason, EventKind.GROUP_GONE: GroupGone, EventKind.GROUP_ENDED: GroupEnd,
            EventKind.ORDER_ENDED: OrderEnd}

_loaded = None


def _peal():
    global _loaded  # pylint: disable=global-statement
    if _loaded is None:
        _loaded = _library.load()
    return _loaded


def _result_name(result):
    return _peal().peal_result_name(int(result)).decode()


def _insist(result):
    if result in (Result.FULL, Result.NO_CREDIT):
        raise Busy(result)
    if result != Result.OK:
        raise Error(result)


def _member_of(raw):
    address = ipaddress.IPv6Address(bytes(raw.ip))
    return Member(raw.member, uuid.UUID(bytes=bytes(raw.uuid)), address.ipv4_mapped or address, raw.port)


class _Handle:
    """Something that a session has open. Two objects of the same one are equal."""
    _send = "peal_send"
    _give_up = ""

    def __init__(self, session, number):
        self._session = session
        self.id = number

    def __eq__(self, other):
        return type(other) is type(self) and (self.id, self._session) == (other.id, other._session)

    def __hash__(self):
        return hash(self.id)

    def __repr__(self):
        return f"<peal.{type(self).__name__} {self.id}>"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._end(self._give_up)

    def _end(self, how):
        result = getattr(_peal(), how)(self._session.handle, self.id)
        if result != Result.CLOSED:
            _insist(result)

    def send(self, data):
        """To an order group: it is ordered when it comes back, ORDERED."""
        _insist(getattr(_peal(), self._send)(self._session.handle, self.id, bytes(data), len(data)))


class Channel(_Handle):
    """One end of a channel."""
    _give_up = "peal_close"

    def close(self):
        """No more is sent; what was, still arrives. An end that is closed already stays so."""
        self._end("peal_close")

    def reset(self):
        self._end("peal_reset")


class Group(_Handle):
    """A process group, for the time that a session is in it."""
    _give_up = "peal_group_leave"

    @property
    def view(self):
        """The view as of the last event. None: this session is not in it, or not yet."""
        return self._session.view_of_group(self.id)

    def leave(self):
        """GROUP_ENDED follows. A group that is left already stays so."""
        self._end("peal_group_leave")


class OrderGroup(_Handle):
    """An order group, for the time that a session has it open."""
    _send = "peal_order_send"
    _give_up = "peal_order_close"

    @property
    def view(self):
        """The view as of the last event. None: none has come."""
        raw = _peal().peal_order_view(self._session.handle, self.id)
        if not raw:
            return None
        raw = raw.contents
        ranks = tuple(OrderRank(rank.member, rank.name.decode()) for rank in raw.ranks[:raw.ranks_count])
        own_rank = None if raw.own_rank == _library.ORDER_NO_RANK else raw.own_rank
        return OrderView(raw.position, raw.group, raw.generation, raw.view, raw.active, own_rank, bool(raw.is_waiting),
                         ranks)

    def close(self):
        """ORDER_ENDED follows. A group that is closed already stays so."""
        self._end("peal_order_close")


class Session:
    """One attachment to the daemon of this host."""

    def __init__(self, socket=None, name="python"):
        self._handle = ctypes.c_void_p()
        self._raw = _library.Event()
        self._view = None
        self._group_views = {}  # by number, until the next one
        library = _peal()
        result = library.peal_attach(None if socket is None else str(socket).encode(), name.encode(),
                                     ctypes.byref(self._handle))
        if result != Result.OK:
            raise Error(result, library.peal_attach_error().decode())

    @property
    def handle(self):
        if not self._handle:
            raise Error(Result.CLOSED, "this session was detached")
        return self._handle

    def detach(self):
        """Ends it; its channels are reset. More than once does no harm."""
        handle, self._handle = self._handle, ctypes.c_void_p()
        _peal().peal_detach(handle)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.detach()

    def __del__(self):
        if getattr(self, "_handle", None):
            self.detach()

    @property
    def state(self):
        return Result(_peal().peal_state(self.handle))

    @property
    def view(self):
        """The view as of the last event."""
        if self._view is None:
            raw = _peal().peal_view(self.handle).contents
            members = tuple(_member_of(raw.members[i]) for i in range(raw.members_count))
            self._view = View(raw.epoch, raw.self, raw.tag, members)
        return self._view

    @property
    def membership(self):
        """The epoch in which this node is in good standing at this instant, or None."""
        epoch = ctypes.c_uint64()
        return epoch.value if _peal().peal_is_member(self.handle, ctypes.byref(epoch)) else None

    @property
    def message_size_max(self):
        return _peal().peal_message_size_max(self.handle)

    # --- events ---

    def poll(self):
        """The next event, or None. Never waits."""
        result = _peal().peal_poll(self.handle, ctypes.byref(self._raw))
        if result == Result.EMPTY:
            return None
        _insist(result)
        return self._event()

    def _event(self):
        raw = self._raw
        kind = EventKind(raw.kind)
        if kind == EventKind.VIEW:
            self._view = None
        if kind in (EventKind.GROUP_VIEW, EventKind.GROUP_ENDED):
            self._group_views.pop(raw.channel, None)
        is_of_channel = kind in (EventKind.OPENED, EventKind.MESSAGE, EventKind.FINISHED, EventKind.ENDED)
        channel = Channel(self, raw.channel) if is_of_channel else None
        group = Group(self, raw.channel) if EventKind.GROUP_VIEW <= kind <= EventKind.GROUP_ENDED else None
        order = OrderGroup(self, raw.channel) if EventKind.ORDER_VIEW <= kind <= EventKind.ORDER_ENDED else None
        reason = _REASONS[kind](raw.reason) if kind in _REASONS else None
        has_result = reason is Reason.REFUSED or kind in (EventKind.NO_REPLY, EventKind.DONE)
        return Event(kind, channel, raw.member, ctypes.string_at(raw.bytes, raw.size) if raw.size else b"",
                     raw.number, reason, Result(raw.result) if has_result else None, raw.lost_count, raw.request,
                     group, raw.client, raw.epoch, raw.n, order, raw.position)

    def wait(self, seconds=None):
        """Until there is something to poll, at the soonest. False: the time is over."""
        limit_ns = _library.FOREVER if seconds is None else max(0, int(seconds * 1e9))
        result = _peal().peal_wait(self.handle, limit_ns)
        if result == Result.TIMEOUT:
            return False
        _insist(result)
        return True

    def next(self, seconds=None):
        """The next event, or None when none came in time. What is waited for begins anew with each wake."""
        event = self.poll()
        while event is None and self._wait_some(seconds):
            event = self.poll()
        return event

    def _wait_some(self, seconds):
        try:
            return self.wait(seconds)
        except Error as error:
            # What was delivered before the end can still be polled, and that raises when it is all.
            if error.result not in (Result.CLOSED, Result.EVICTED):
                raise
            return True

    def __iter__(self):
        return self

    def __next__(self):
        return self.next()

    def set_spin(self, seconds):
        """For how long wait looks before it sleeps."""
        _peal().peal_set_spin(self.handle, int(seconds * 1e9))

    def fileno(self):
        """For poll sets: before each wait call rest."""
        return _peal().peal_fd(self.handle)

    def rest(self):
        """True: now wait for fileno to be readable. False: do not, but poll."""
        return _peal().peal_rest(self.handle) == Result.EMPTY

    async def wait_async(self):
        """As wait, in the running loop of asyncio."""
        loop = asyncio.get_running_loop()
        if not self.rest():
            return
        readable = loop.create_future()
        loop.add_reader(self.fileno(), lambda: readable.done() or readable.set_result(None))
        try:
            await readable
        finally:
            loop.remove_reader(self.fileno())

    def __aiter__(self):
        return self

    async def __anext__(self):
        event = self.poll()
        while event is None:
            await self.wait_async()
            event = self.poll()
        return event

    # --- messages ---

    def listen(self, number):
        _insist(_peal().peal_listen(self.handle, number))

    def unlisten(self, number):
        _insist(_peal().peal_unlisten(self.handle, number))

    def open(self, member, number):
        channel = ctypes.c_uint32()
        _insist(_peal().peal_open(self.handle, member, number, ctypes.byref(channel)))
        return Channel(self, channel.value)

    def hear(self, is_heard=True):
        _insist(_peal().peal_hear(self.handle, is_heard))

    def hold_back(self, is_held_back=True):
        """Whether who broadcasts waits for this application, where its node allows it."""
        _insist(_peal().peal_hold_back(self.handle, is_held_back))

    def send_to_all(self, data):
        _insist(_peal().peal_send(self.handle, _library.ALL, bytes(data), len(data)))

    def set(self, number, data):
        """The latest value of a number of this member."""
        _insist(_peal().peal_set(self.handle, number, bytes(data), len(data)))

    # --- process groups ---

    def join(self, name, order=Order.SENDER, order_group=0):
        """GROUP_VIEW of the Group follows, or GROUP_ENDED. A name that cannot be is an Error, BAD_NAME. With the id of an
        order group it is in total order by that one."""
        if "\0" in name:  # where C would see its end
            raise Error(Result.BAD_NAME)
        group = ctypes.c_uint32()
        if order_group:
            _insist(_peal().peal_group_join_by(self.handle, name.encode(), order_group, ctypes.byref(group)))
        else:
            _insist(_peal().peal_group_join(self.handle, name.encode(), order, ctypes.byref(group)))
        return Group(self, group.value)

    def view_of_group(self, number):
        """As Group.view, of the group with this `id`."""
        view = self._group_views.get(number)
        raw = None if view else _peal().peal_group_view(self.handle, number)
        if raw:
            raw = raw.contents
            members = tuple(GroupMember(one.member, one.client) for one in raw.members[:raw.members_count])
            view = GroupView(raw.epoch, raw.n, members, GroupMember(raw.self.member, raw.self.client), raw.name.decode(),
                             raw.order_group)
            self._group_views[number] = view
        return view

    # --- order groups ---

    def open_order(self, group):
        """Opens the order group with this id: ORDER_VIEW of the OrderGroup follows, or ORDER_ENDED."""
        order = ctypes.c_uint32()
        _insist(_peal().peal_order_open(self.handle, group, ctypes.byref(order)))
        return OrderGroup(self, order.value)

    def create_order(self, group, ranks):
        """Has a group created, and opens it. `ranks` maps names of ranks to members, or is pairs (member, name)."""
        pairs = [(member, name) for name, member in ranks.items()] if isinstance(ranks, dict) else list(ranks)
        raw = (_library.OrderRank * max(1, len(pairs)))()
        for i, (member, name) in enumerate(pairs):
            if len(name.encode()) > _library.ORDER_RANK_NAME_SIZE_MAX or "\0" in name:
                raise Error(Result.BAD_NAME)
            raw[i].member, raw[i].name = member, name.encode()
        order = ctypes.c_uint32()
        _insist(_peal().peal_order_create(self.handle, group, raw, len(pairs), ctypes.byref(order)))
        return OrderGroup(self, order.value)

    @property
    def order_size_max(self):
        return _peal().peal_order_size_max(self.handle)

    # --- requests ---

    def serve(self, service):
        """Requests to this service come here from now on: REQUEST, to be answered with reply or refuse."""
        _insist(_peal().peal_serve(self.handle, service))

    def unserve(self, service):
        _insist(_peal().peal_unserve(self.handle, service))

    def reply(self, request, data):
        """Answers a REQUEST, which may be the event or its `request`. Error CLOSED: who asked is gone."""
        number = request.request if isinstance(request, Event) else request
        _insist(_peal().peal_reply(self.handle, number, bytes(data), len(data)))

    def refuse(self, request):
        number = request.request if isinstance(request, Event) else request
        _insist(_peal().peal_refuse(self.handle, number))

    def ask(self, service, data, *, members=None, wanted=ALL, seconds=1.0):
        """Asks members, or all of the view, and returns the number of the request; REPLY, NO_REPLY and DONE follow.
        `wanted` is how many replies make it a success. `seconds` None: as long as they are there."""
        question = _library.Question(service=service, wanted_count=wanted)
        question.timeout_ns = _library.FOREVER if seconds is None else max(0, int(seconds * 1e9))
        if members is not None:
            members = list(members)
            question.members_count = len(members)
            question.members = (ctypes.c_uint64 * max(1, len(members)))(*members)
        request = ctypes.c_uint64()
        _insist(_peal().peal_ask(self.handle, ctypes.byref(question), bytes(data), len(data), ctypes.byref(request)))
        return request.value

    def cancel(self, request):
        """Forgets a request; one that is over already stays so."""
        result = _peal().peal_cancel(self.handle, request)
        if result != Result.CLOSED:
            _insist(result)

    @property
    def late_count(self):
        """Answers that came after their request was over."""
        return _peal().peal_late_count(self.handle)

    def call(self, service, data, on_event=None, **how):
        """As ask, and waits for it to be over. Events of other things go to `on_event`, or are dropped without one."""
        request, replies, failures = self.ask(service, data, **how), {}, {}
        for event in self:
            if event is None:
                continue
            if event.request != request or event.kind == EventKind.REQUEST:
                if on_event is not None:
                    on_event(event)
            elif event.kind == EventKind.REPLY:
                replies[event.member] = event.data
            elif event.kind == EventKind.NO_REPLY:
                failures[event.member] = event.result
            elif event.kind == EventKind.DONE:
                return Answers(event.result, replies, failures)
        raise AssertionError("a session has no end")
