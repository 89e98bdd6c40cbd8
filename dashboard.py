"""The dashboard: `streamlit run dashboard.py [-- --runs DIR --data-root DIR]`."""

import streamlit as st

from pages.parts.shared.navigation import navigate
from pages.parts.shared.services import get_services
from pages.parts.shared.sidebar import sidebar

st.set_page_config(page_title="Transfer learning lab", page_icon=":material/science:", layout="wide")
page = navigate()
sidebar(get_services())
page.run()
