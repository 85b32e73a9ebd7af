# webkit-window.py [FOLDER]: a browser of windows and nothing else, for WebKitWebDriver to drive. Its data is in the folder, which
# WebKitGTK's own test browser does not have: in an automated session that keeps everything in memory, and so does this one
# without a folder, as private browsing does.
import os
import sys

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("WebKit2", "4.1")
from gi.repository import Gtk, WebKit2  # noqa: E402


def make_context(folder):
    if not folder:
        return WebKit2.WebContext.new_ephemeral()
    data = WebKit2.WebsiteDataManager(
        base_data_directory=os.path.join(folder, "data"), base_cache_directory=os.path.join(folder, "cache")
    )
    return WebKit2.WebContext(website_data_manager=data)


def open_window(*_):
    settings = WebKit2.Settings(hardware_acceleration_policy=WebKit2.HardwareAccelerationPolicy.NEVER)
    view = WebKit2.WebView(web_context=context, settings=settings, is_controlled_by_automation=True)
    window = Gtk.Window(default_width=1280, default_height=800)
    window.add(view)
    window.show_all()
    view.connect("close", lambda _: window.destroy())
    return view


def started(_, session):
    about = WebKit2.ApplicationInfo()
    about.set_name("WebKitGTK")
    about.set_version(WebKit2.get_major_version(), WebKit2.get_minor_version(), WebKit2.get_micro_version())
    session.set_application_info(about)
    session.connect("create-web-view", open_window)


context = make_context(sys.argv[1] if len(sys.argv) > 1 else "")
context.set_automation_allowed(True)
context.connect("automation-started", started)
Gtk.main()
