"""The workstation: the HTTP application, its pages, its JSON interface.

`app` joins a running service, `mount` puts everything on one application, `api/` answers the
page's questions, `pages/` draws, `security` lets nobody else in. No rule of the domain lives here.
"""
