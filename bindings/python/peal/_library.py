# SPDX-License-Identifier: BSD-3-Clause
"""libpeal.so.0 as ctypes sees it: include/peal/*.h of PEAL_ABI 0, layout and signatures and nothing else."""
import ctypes
import os

ALL = 0xFFFFFFFF
FOREVER = 0xFFFFFFFFFFFFFFFF
WANT_ALL = 0
WANT_MAJORITY = 0xFFFFFFFF
ORDER_NO_RANK = 0xFFFFFFFF
ORDER_RANK_NAME_SIZE_MAX = 31


class Member(ctypes.Structure):
    _fields_ = (("member", ctypes.c_uint64), ("uuid", ctypes.c_uint8 * 16), ("ip", ctypes.c_uint8 * 16),
                ("port", ctypes.c_uint16), ("reserved", ctypes.c_uint16 * 3))


class View(ctypes.Structure):
    _fields_ = (("epoch", ctypes.c_uint64), ("self", ctypes.c_uint64), ("tag", ctypes.c_uint32),
                ("members_count", ctypes.c_uint32), ("members", ctypes.POINTER(Member)))


class Event(ctypes.Structure):
    _fields_ = (("kind", ctypes.c_uint32), ("channel", ctypes.c_uint32), ("member", ctypes.c_uint64),
                ("bytes", ctypes.c_void_p), ("size", ctypes.c_uint32), ("number", ctypes.c_uint16),
                ("reason", ctypes.c_uint8), ("result", ctypes.c_uint8), ("lost_count", ctypes.c_uint64),
                ("epoch", ctypes.c_uint64), ("n", ctypes.c_uint32), ("client", ctypes.c_uint32),
                ("request", ctypes.c_uint64), ("position", ctypes.c_uint64), ("reserved", ctypes.c_uint64 * 1))


class GroupMember(ctypes.Structure):
    _fields_ = (("member", ctypes.c_uint64), ("client", ctypes.c_uint32), ("reserved", ctypes.c_uint32))


class GroupView(ctypes.Structure):
    _fields_ = (("epoch", ctypes.c_uint64), ("n", ctypes.c_uint32), ("members_count", ctypes.c_uint32),
                ("members", ctypes.POINTER(GroupMember)), ("self", GroupMember), ("name", ctypes.c_char_p),
                ("order_group", ctypes.c_uint32), ("is_listener", ctypes.c_uint16), ("is_waiting", ctypes.c_uint16),
                ("reserved", ctypes.c_uint64))


class OrderRank(ctypes.Structure):
    _fields_ = (("member", ctypes.c_uint64), ("name", ctypes.c_char * 32))


class OrderView(ctypes.Structure):
    _fields_ = (("position", ctypes.c_uint64), ("group", ctypes.c_uint32), ("generation", ctypes.c_uint32),
                ("view", ctypes.c_uint32), ("active", ctypes.c_uint16), ("is_waiting", ctypes.c_uint16),
                ("own_rank", ctypes.c_uint32), ("ranks_count", ctypes.c_uint32), ("ranks", ctypes.POINTER(OrderRank)),
                ("reserved", ctypes.c_uint64 * 3))


class Question(ctypes.Structure):
    _fields_ = (("members", ctypes.POINTER(ctypes.c_uint64)), ("members_count", ctypes.c_uint32),
                ("wanted_count", ctypes.c_uint32), ("timeout_ns", ctypes.c_uint64), ("service", ctypes.c_uint16),
                ("reserved", ctypes.c_uint16 * 11))


_SESSION = ctypes.c_void_p
_RESULT = ctypes.c_int

# Every function of the headers that Python needs: what it gives back, what it takes.
SIGNATURES = {
    "peal_result_name": (ctypes.c_char_p, _RESULT),
    "peal_attach": (_RESULT, ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(_SESSION)),
    "peal_attach_error": (ctypes.c_char_p,),
    "peal_detach": (None, _SESSION),
    "peal_state": (_RESULT, _SESSION),
    "peal_view": (ctypes.POINTER(View), _SESSION),
    "peal_is_member": (ctypes.c_bool, _SESSION, ctypes.POINTER(ctypes.c_uint64)),
    "peal_poll": (_RESULT, _SESSION, ctypes.POINTER(Event)),
    "peal_wait": (_RESULT, _SESSION, ctypes.c_uint64),
    "peal_set_spin": (None, _SESSION, ctypes.c_uint64),
    "peal_fd": (ctypes.c_int, _SESSION),
    "peal_rest": (_RESULT, _SESSION),
    "peal_listen": (_RESULT, _SESSION, ctypes.c_uint16),
    "peal_unlisten": (_RESULT, _SESSION, ctypes.c_uint16),
    "peal_open": (_RESULT, _SESSION, ctypes.c_uint64, ctypes.c_uint16, ctypes.POINTER(ctypes.c_uint32)),
    "peal_close": (_RESULT, _SESSION, ctypes.c_uint32),
    "peal_reset": (_RESULT, _SESSION, ctypes.c_uint32),
    "peal_hear": (_RESULT, _SESSION, ctypes.c_bool),
    "peal_hold_back": (_RESULT, _SESSION, ctypes.c_bool),
    "peal_set": (_RESULT, _SESSION, ctypes.c_uint16, ctypes.c_char_p, ctypes.c_uint32),
    "peal_message_size_max": (ctypes.c_uint32, _SESSION),
    "peal_send": (_RESULT, _SESSION, ctypes.c_uint32, ctypes.c_char_p, ctypes.c_uint32),
    "peal_group_join": (_RESULT, _SESSION, ctypes.c_char_p, ctypes.c_int, ctypes.POINTER(ctypes.c_uint32)),
    "peal_group_join_by": (_RESULT, _SESSION, ctypes.c_char_p, ctypes.c_uint32, ctypes.POINTER(ctypes.c_uint32)),
    "peal_group_leave": (_RESULT, _SESSION, ctypes.c_uint32),
    "peal_group_view": (ctypes.POINTER(GroupView), _SESSION, ctypes.c_uint32),
    "peal_order_open": (_RESULT, _SESSION, ctypes.c_uint32, ctypes.POINTER(ctypes.c_uint32)),
    "peal_order_create": (_RESULT, _SESSION, ctypes.c_uint32, ctypes.POINTER(OrderRank), ctypes.c_uint32,
                          ctypes.POINTER(ctypes.c_uint32)),
    "peal_order_close": (_RESULT, _SESSION, ctypes.c_uint32),
    "peal_order_send": (_RESULT, _SESSION, ctypes.c_uint32, ctypes.c_char_p, ctypes.c_uint32),
    "peal_order_size_max": (ctypes.c_uint32, _SESSION),
    "peal_order_view": (ctypes.POINTER(OrderView), _SESSION, ctypes.c_uint32),
    "peal_serve": (_RESULT, _SESSION, ctypes.c_uint16),
    "peal_unserve": (_RESULT, _SESSION, ctypes.c_uint16),
    "peal_reply": (_RESULT, _SESSION, ctypes.c_uint64, ctypes.c_char_p, ctypes.c_uint32),
    "peal_refuse": (_RESULT, _SESSION, ctypes.c_uint64),
    "peal_ask": (_RESULT, _SESSION, ctypes.POINTER(Question), ctypes.c_char_p, ctypes.c_uint32,
                 ctypes.POINTER(ctypes.c_uint64)),
    "peal_cancel": (_RESULT, _SESSION, ctypes.c_uint64),
    "peal_late_count": (ctypes.c_uint64, _SESSION),
}


def load():
    """The library, named by PEAL_LIBRARY or found by the loader. OSError says what is wrong."""
    library = ctypes.CDLL(os.environ.get("PEAL_LIBRARY", "libpeal.so.0"))
    for name, (given, *taken) in SIGNATURES.items():
        function = getattr(library, name)
        function.restype = given
        function.argtypes = taken
    return library
